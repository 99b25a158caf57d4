// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// [FullDiskTest] over two ranks, both of which write checkpoints, of the weights too where they
/// hold these for one another: a line that names the disk, exit code 1, no orphan, nothing
/// half-written, and with room again the end of a run that had it always. `-Dlongnet.disk.tries=8`
/// is how many sizes are tried.
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class RankFullDiskTest {
  @TempDir Path folder;
  private SmallDisk disk;
  private boolean sharded;

  @BeforeEach
  void mount() throws Exception {
    disk = SmallDisk.mount(folder.resolve("disk"));
  }

  @AfterEach
  void unmount() throws Exception {
    if (disk != null) {
      disk.unmount();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFullDiskIsOneLine(boolean shardParameters) throws Exception {
    sharded = shardParameters;
    Path recipe = TinyRecipe.write(folder);
    Path straight = disk.path().resolve("straight");
    train(recipe, straight, 2).succeeds();
    long all = disk.used();
    Path reference = folder.resolve("reference");
    assertThat(SmallDisk.call("mv", straight.toString(), reference.toString())).isTrue();
    int tries = Integer.getInteger("longnet.disk.tries", 8);
    int full = 0;
    for (int i = 1; i <= tries; i++) {
      Path run = disk.path().resolve("run" + i);
      // Where two checkpoints have no room the run is refused before it begins. The other files
      // take the rest.
      long pages = all * (14 * tries + 4 * i) / (10 * tries);
      disk.remount("size=" + pages * SmallDisk.PAGE);
      Child child = train(recipe, run, 2);
      disk.remount("size=64m");
      System.out.printf(
          "%d of %d pages: exit code %d: %s%n", pages, all, child.exitCode(), lines(child.err()));
      if (child.exitCode() != 0) {
        full++;
        assertThat(child.exitCode()).as(child.toString()).isEqualTo(1);
        assertThat(child.err()).doesNotContain("\tat ", "internal error", "[c10d]");
        assertThat(lines(child.err()))
            .anyMatch(line -> line.contains("o space left") || line.contains(" of disk ("));
        assertThat(WritingJob.leftovers(run)).isEmpty();
        for (Path checkpoint : Checkpoint.list(run)) {
          Checkpoint.open(checkpoint);
        }
        train(recipe, run, 1 + i % 2).succeeds();
      }
      Path last = Checkpoint.list(run).getLast();
      for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
        assertThat(last.resolve(name))
            .hasSameBinaryContentAs(Checkpoint.list(reference).getLast().resolve(name));
      }
      assertThat(SmallDisk.call("rm", "-r", run.toString())).isTrue();
    }
    System.out.printf("a disk full at %d of %d sizes%n", full, tries);
    assertThat(full).isPositive();
  }

  private Child train(Path recipe, Path run, int ranks) throws Exception {
    return Child.of(
        RankChildren.startedBy(
            folder.resolve("cache"),
            recipe,
            run,
            ranks,
            0,
            "training.virtual_shards=2",
            "runtime.shard_parameters=" + sharded,
            "training.steps=20",
            "checkpoint.every_steps=4",
            "checkpoint.keep=1"));
  }

  private static List<String> lines(String err) {
    List<String> lines = new ArrayList<>(err.lines().toList());
    lines.removeIf(line -> line.startsWith("WARNING: ") || line.contains("attention kernel"));
    return lines;
  }
}
