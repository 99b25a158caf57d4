// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// What a call takes beyond its tensors and LSE: blocks of its threads, and delta in the backward
/// pass. Measured as the system counts resident memory, in a JVM whose heap is small and touched in
/// advance.
class ExtraMemoryTest {
  private static final long TOKENS = 1 << 20;
  private static final int SIZE = 64;

  @Test
  @Tag("slow")
  @EnabledOnOs(OS.LINUX)
  void doesNotGrowWithTheSequence() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms64m",
                "-Xmx64m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                "target/classes" + File.pathSeparator + "target/test-classes",
                Child.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    for (String pass : List.of("forward", "backward")) {
      List<Long> bytes =
          output
              .lines()
              .filter(l -> l.startsWith(pass + " "))
              .map(l -> Long.parseLong(l.split(" ")[1]))
              .toList();
      // At most: three gradients of a block of 32,768 rows in float32 for each of two threads, 48
      // MiB; delta, 4; scratch and what
      // the JIT takes. A tensor of this length has 128 or 256.
      assertThat(bytes).as(output).hasSize(2).allMatch(b -> b < 80 << 20);
    }
  }

  /// What the child JVM runs.
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      DilatedAttentionSpec spec =
          new DilatedAttentionSpec(List.of(new Branch(512, 1), new Branch(TOKENS, 2048)), true);
      DilatedAttention attention =
          DilatedAttention.of(spec, AttentionOptions.defaults().withThreads(2));
      try (Arena arena = Arena.ofShared()) {
        for (ElementType type : ElementType.FAST) {
          run(attention, arena, type, 1 << 16); // compiles
          run(attention, arena, type, TOKENS);
        }
      }
    }

    private static void run(DilatedAttention attention, Arena arena, ElementType type, long tokens)
        throws IOException {
      AttentionTensor[] x = new AttentionTensor[5];
      for (int i = 0; i < x.length; i++) {
        x[i] =
            AttentionTensor.contiguous(
                arena.allocate(tokens * SIZE * type.bytes(), 64), type, 1, tokens, 1, SIZE);
        x[i].data().fill((byte) 0); // touches every page
      }
      MemorySegment lse = arena.allocate(tokens * 4, 64);
      lse.fill((byte) 0);
      long forward =
          extra(() -> attention.forward(new Qkv(x[0], x[0], x[0]), new AttentionOutput(x[1], lse)));
      long backward =
          extra(() ->
              attention.backward(
                  new Qkv(x[0], x[0], x[0]),
                  new AttentionOutput(x[1], lse),
                  x[0],
                  new Qkv(x[2], x[3], x[4]),
                  GradientMode.EXACT));
      if (tokens == TOKENS) {
        System.out.println("forward " + forward);
        System.out.println("backward " + backward);
      }
    }

    /// Resident bytes at the peak beyond what there was before.
    private static long extra(Runnable call) throws IOException {
      Files.writeString(Path.of("/proc/self/clear_refs"), "5");
      long before = status("VmRSS:");
      call.run();
      return status("VmHWM:") - before;
    }

    private static long status(String field) throws IOException {
      return Files.readAllLines(Path.of("/proc/self/status")).stream()
          .filter(line -> line.startsWith(field))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
          .findFirst()
          .orElseThrow();
    }
  }
}
