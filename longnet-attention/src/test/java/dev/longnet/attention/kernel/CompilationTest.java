// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// What the JIT makes of the loops. Its first compiler gives up on a method with too many values at
/// once ("out of virtual registers"), and what it gives up in the middle of a loop may never reach
/// the second one; what the second one gives up becomes objects: the kernel then stays two to ten
/// times slower, in one run of two or three.
///
/// What is asserted holds for the compilers of one JDK, so `verify` leaves these tests out: `./mvnw
/// -pl longnet-attention test -Dtest=CompilationTest -DexcludedTags=` (half a minute).
@Tag("compiler")
class CompilationTest {
  private static final Pattern GIVEN_UP =
      Pattern.compile(".*VectorLoops\\d+::.*COMPILE SKIPPED: out of virtual registers.*");
  private static final Pattern IN_A_LOOP =
      Pattern.compile("\\s*\\d+ +\\d+ %[ !]+3 +.*VectorLoops(\\d+)::(\\w+).*");

  @Test
  void theFirstCompilerGivesUpNoLoop() throws Exception {
    List<String> lines =
        run(
            Child.class,
            "-XX:+PrintCompilation",
            "-XX:TieredStopAtLevel=3",
            "-XX:Tier3BackEdgeThreshold=50");
    assertThat(lines).noneMatch(line -> GIVEN_UP.matcher(line).matches());
    // Or nothing was seen because nothing was compiled.
    assertThat(
            lines.stream()
                .map(IN_A_LOOP::matcher)
                .filter(m -> m.matches())
                .map(m -> m.group(1) + "::" + m.group(2)))
        .contains(
            "128::softmax",
            "256::softmax",
            "512::softmax",
            "512::maskedGradients",
            "512::gradients",
            "512::scores",
            "512::mix4",
            "512::mixColumns4",
            "512::products4",
            "128::bfloatGradients",
            "256::bfloatGradients",
            "512::bfloatGradients",
            "512::bfloatWeights");
  }

  /// A vector that C2 cannot keep in a register becomes an object, and its loop several times
  /// slower: in methods too large for its inlining, or where a variable begins as a constant. Folds
  /// themselves take some 700 to 2,800 bytes each.
  @Test
  void compiledLoopsLeaveNoVectorsInObjects() throws Exception {
    List<String> lines = run(Warm.class);
    assertThat(lines)
        .filteredOn(line -> line.startsWith("bytes a fold"))
        .hasSize(10)
        .allSatisfy(line ->
            assertThat(Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .as(line)
                .isLessThan(Warm.MOST));
  }

  private static List<String> run(Class<?> main, String... options)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of(options));
    command.addAll(
        List.of(
            "-cp", "target/classes" + File.pathSeparator + "target/test-classes", main.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.lines().toList();
  }

  /// What the first child JVM runs: both passes, in all vector shapes.
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      for (int bits : new int[] {128, 256, 512}) {
        Passes passes = new Passes(bits, 512, new long[] {128, 512}, new long[] {1, 2});
        passes.forward();
        passes.backward();
        Passes matrices =
            new Passes(
                bits,
                512,
                new long[] {128, 512},
                new long[] {1, 2},
                ElementType.BFLOAT16,
                new NoProducts());
        matrices.forward();
        matrices.backward();
      }
    }
  }

  /// What the second runs: each pass until it is compiled, on short and on long segments, in the
  /// machine's own shape.
  static final class Warm {
    static final double MOST = 4000;
    private static final int TOKENS = 2048;

    private Warm() {}

    public static void main(String[] args) {
      for (long segment : new long[] {64, 512}) {
        Passes passes = new Passes(0, TOKENS, new long[] {segment}, new long[] {1});
        measure("forward, segments of " + segment, TOKENS / segment, passes::forward);
        measure("backward, segments of " + segment, TOKENS / segment, passes::backward);
      }
      // Folds that are added to others', and rows of bfloat16.
      for (ElementType type : ElementType.FAST) {
        Passes passes = new Passes(0, TOKENS, new long[] {64, 256}, new long[] {1, 2}, type, null);
        measure("forward, two branches, " + type, TOKENS / 64 + TOKENS / 256, passes::forward);
        measure("backward, two branches, " + type, TOKENS / 64 + TOKENS / 256, passes::backward);
      }
      Passes matrices =
          new Passes(
              0, TOKENS, new long[] {256}, new long[] {1}, ElementType.BFLOAT16, new NoProducts());
      measure("forward, matrices", TOKENS / 256, matrices::forward);
      measure("backward, matrices", TOKENS / 256, matrices::backward);
    }

    private static void measure(String name, long folds, Runnable pass) {
      var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
      double best = Double.MAX_VALUE;
      long end = System.nanoTime() + 20_000_000_000L;
      while (best >= MOST && System.nanoTime() < end) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 20; i++) {
          pass.run();
        }
        best = Math.min(best, (threads.getCurrentThreadAllocatedBytes() - before) / (20.0 * folds));
      }
      System.out.println("bytes a fold, " + name + ": " + best);
    }
  }

  /// Leaves all products 0: only the loops around them are looked at.
  private record NoProducts() implements BfloatProducts {
    @Override
    public void multiply(
        int m, int n, int k, long a, int strideA, long b, long c, int strideC, boolean add) {}

    @Override
    public String description() {
      return "none";
    }
  }

  private static final class Passes {
    private final DilatedAttention attention;
    private final AttentionTensor[] x = new AttentionTensor[8];
    private final MemorySegment lse;

    Passes(int bits, int tokens, long[] segments, long[] dilations) {
      this(bits, tokens, segments, dilations, ElementType.FLOAT32, null);
    }

    /// @param products null for the vector kernel
    Passes(
        int bits,
        int tokens,
        long[] segments,
        long[] dilations,
        ElementType type,
        BfloatProducts products) {
      AttentionOptions options =
          AttentionOptions.defaults().withVectorBits(bits).withThreads(1).withProducts(products);
      attention =
          DilatedAttention.of(
              DilatedAttentionSpec.of(segments, dilations, true, HeadOffsets.INTERLEAVED), options);
      Arrays.setAll(
          x,
          i ->
              AttentionTensor.contiguous(
                  Arena.ofAuto().allocate(4L * tokens * 64), type, 1, tokens, 1, 64));
      lse = Arena.ofAuto().allocate(4L * tokens);
    }

    void forward() {
      attention.forward(new Qkv(x[0], x[1], x[2]), new AttentionOutput(x[3], lse));
    }

    void backward() {
      attention.backward(
          new Qkv(x[0], x[1], x[2]),
          new AttentionOutput(x[3], lse),
          x[4],
          new Qkv(x[5], x[6], x[7]),
          GradientMode.EXACT);
    }
  }
}
