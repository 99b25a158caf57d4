// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// `kill -9` at random moments: what is there is whole, and going on gives what an undisturbed call
/// gives, bit for bit. `-Dlongnet.kills=20` is how often for each command.
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class KillTest {
  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void whatIsKilledGoesOn(WritingJob job) throws Exception {
    assumeTrue(job.isWanted());
    Path inputs = WritingJob.inputs(folder);
    Path reference = Files.createDirectories(folder.resolve("reference"));
    long start = System.nanoTime();
    Process straight = start(job.command(inputs, reference));
    assertThat(straight.waitFor()).as(log()).isZero();
    long whole = System.nanoTime() - start;
    Random random = new Random(9);
    int killed = 0;
    int begun = 0;
    Path out = folder.resolve("out");
    int kills = Integer.getInteger("longnet.kills", 20);
    for (int i = 0; killed < kills && i < 5 * kills; i++) {
      WritingJob.clear(out);
      long now = System.nanoTime();
      Process process = start(job.command(inputs, out));
      if (i % 2 == 0) {
        process.waitFor((long) (whole * random.nextDouble()), TimeUnit.NANOSECONDS);
      } else { // soon after it began to write
        while (process.isAlive() && TinyRecipe.names(out).isEmpty()) {
          Thread.sleep(1);
        }
        process.waitFor((long) (whole * 0.3 * random.nextDouble()), TimeUnit.NANOSECONDS);
      }
      process.destroyForcibly().waitFor();
      assertThat(process.exitValue()).as(log()).isIn(0, 137);
      if (process.exitValue() == 0) { // the machine has become faster
        whole = Math.min(whole, System.nanoTime() - now);
        continue;
      }
      killed++;
      begun += TinyRecipe.names(out).isEmpty() ? 0 : 1;
      job.check(out);
      job.finish(inputs, out);
      job.check(out);
      job.same(reference, out);
      assertThat(WritingJob.leftovers(out)).as("kill %d", i).isEmpty();
    }
    System.out.printf("%s: %d killed, %d of them after the first write%n", job, killed, begun);
    assertThat(killed).isPositive();
  }

  private String log() throws IOException {
    return Files.readString(folder.resolve("log"));
  }

  private Process start(List<Object> words) throws IOException {
    List<String> command = Child.command(List.of("-Xmx512m", "-XX:TieredStopAtLevel=1"), words);
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_CACHE_HOME", folder.resolve("cache").toString());
    return builder.redirectOutput(new File(folder.toFile(), "log")).start();
  }
}
