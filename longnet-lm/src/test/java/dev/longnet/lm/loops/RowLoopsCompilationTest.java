// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.core.config.Activation;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// What the JIT makes of the vector loops: a vector that it cannot keep in a register becomes an
/// object, and its loop several times slower. Holds for the compilers of one JDK, so `verify`
/// leaves it out.
@Tag("compiler")
class RowLoopsCompilationTest {
  /// Bytes a row. A call has a few small objects of its own.
  private static final double MOST = 16;

  @Test
  void compiledLoopsLeaveNoVectorsInObjects() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path") + File.pathSeparator + "target/test-classes",
                Warm.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    List<String> lines = output.lines().filter(line -> line.contains("bytes a row")).toList();
    assertThat(lines)
        .hasSize(36)
        .allSatisfy(line ->
            assertThat(Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .as(line)
                .isLessThan(MOST));
  }

  /// What the child JVM runs: each loop until it is compiled.
  static final class Warm {
    private static final int ROWS = 64;
    private static final int WIDTH = 192;

    private Warm() {}

    public static void main(String[] args) {
      RowLoops loops = new VectorRowLoops();
      try (Arena arena = Arena.ofConfined()) {
        for (ElementType type : ElementType.FAST) {
          calls(loops, arena, type).forEach((name, call) -> measure(name + ", " + type, call));
        }
      }
    }

    private static Map<String, Runnable> calls(RowLoops loops, Arena arena, ElementType type) {
      Random random = new Random(1);
      RowBlock[] rows = new RowBlock[4];
      long[] vectors = new long[6];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = new TestRows(arena, type, ROWS, WIDTH, 0).random(random, 1, 0).block;
      }
      for (int i = 0; i < vectors.length; i++) {
        vectors[i] = TestRows.vector(arena, WIDTH).random(random, 1, 0).address();
      }
      RowBlock floats =
          new TestRows(arena, ElementType.FLOAT32, ROWS, WIDTH, 0).random(random, 1, 0).block;
      long a = vectors[0];
      long b = vectors[1];
      long c = vectors[2];
      long x = floats.address();
      long targets = arena.allocate(8L * ROWS, 8).fill((byte) 0).address();
      Map<String, Runnable> calls = new LinkedHashMap<>();
      calls.put("norm", () -> loops.norm(rows[0], a, b, rows[1]));
      calls.put(
          "normBackward",
          () ->
              loops.normBackward(
                  rows[0], a, b, rows[1], null, rows[2], false, vectors[3], vectors[4]));
      calls.put("add", () -> loops.add(floats, rows[0], c, floats));
      calls.put("addNorm", () -> loops.addNorm(floats, rows[0], c, floats, a, b, rows[1]));
      for (Activation how : Activation.values()) {
        calls.put(how + "Norm", () -> loops.activateNorm(how, rows[0], c, a, b, rows[1]));
        calls.put(
            how + "NormBackward",
            () ->
                loops.activateNormBackward(
                    how,
                    rows[0],
                    c,
                    a,
                    b,
                    rows[1],
                    rows[2],
                    rows[3],
                    vectors[3],
                    vectors[4],
                    vectors[5]));
      }
      calls.put("copy", () -> loops.copy(rows[0], floats, vectors[3]));
      calls.put("rotate", () -> loops.rotate(rows[0], c, x, 8));
      calls.put("rotateBackward", () -> loops.rotateBackward(rows[0], x, 8, vectors[3]));
      RowBlock taps =
          new TestRows(arena, ElementType.FLOAT32, 4, WIDTH, 0).random(random, 1, 0).block;
      calls.put("convolve", () -> loops.convolve(rows[0], c, taps, x, 8, rows[1]));
      calls.put(
          "convolveBackward",
          () -> loops.convolveBackward(rows[0], rows[1], c, taps, x, 8, rows[2], taps, vectors[3]));
      calls.put("crossEntropy", () -> loops.crossEntropy(rows[3], targets, vectors[3], 0.5f));
      calls.put("squares", () -> loops.squares(x, ROWS * WIDTH));
      AdamStep step = new AdamStep(0, 0.9, 0.98, 1e-8, 0.01, true, 1, 1);
      calls.put("adam", () -> loops.adam(a, b, vectors[3], vectors[4], WIDTH, step));
      return calls;
    }

    private static void measure(String name, Runnable call) {
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      double best = Double.MAX_VALUE;
      long end = System.nanoTime() + 10_000_000_000L;
      while (best >= MOST && System.nanoTime() < end) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 50; i++) {
          call.run();
        }
        double bytes = threads.getCurrentThreadAllocatedBytes() - before;
        best = Math.min(best, bytes / 50 / ROWS);
      }
      System.out.println(name + ", bytes a row: " + best);
    }
  }
}
