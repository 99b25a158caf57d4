package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionOptions;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.DilatedAttentionSpec;
import dev.longnet.attention.ElementType;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.HeadOffsets;
import dev.longnet.attention.KernelChoice;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// The JIT's first compiler gives up on a method with too many values at once ("out of virtual registers"), and what it gives up
/// in the middle of a loop may never reach the second one: the kernel then stays ten times slower, in one run of two or three.
class CompilationTest {
  private static final Pattern GIVEN_UP = Pattern.compile(".*VectorLoops\\d+::.*COMPILE SKIPPED: out of virtual registers.*");
  private static final Pattern IN_A_LOOP = Pattern.compile("\\s*\\d+ +\\d+ %[ !]+3 +.*VectorLoops(\\d+)::(\\w+).*");

  @Test
  void theFirstCompilerGivesUpNoLoop() throws Exception {
    List<String> lines = run();
    assertThat(lines).noneMatch(line -> GIVEN_UP.matcher(line).matches());
    // Or nothing was seen because nothing was compiled.
    assertThat(lines.stream().map(IN_A_LOOP::matcher).filter(m -> m.matches()).map(m -> m.group(1) + "::" + m.group(2)))
        .contains("128::softmax", "256::softmax", "512::softmax", "512::maskedGradients", "512::gradients", "512::scores",
            "512::mix4", "512::mixColumns4", "512::products4");
  }

  private static List<String> run() throws IOException, InterruptedException {
    Process process = new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
            "-XX:+PrintCompilation", "-XX:TieredStopAtLevel=3", "-XX:Tier3BackEdgeThreshold=50",
            "-cp", "target/classes" + File.pathSeparator + "target/test-classes", Child.class.getName())
        .redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.lines().toList();
  }

  /// What the child JVM runs: both passes, in all vector shapes.
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      for (int bits : new int[] {128, 256, 512}) {
        AttentionOptions options = AttentionOptions.defaults().withKernel(KernelChoice.SIMD).withVectorBits(bits).withThreads(1);
        DilatedAttentionSpec spec = DilatedAttentionSpec.of(new long[] {128, 512}, new long[] {1, 2}, true, HeadOffsets.INTERLEAVED);
        DilatedAttention attention = DilatedAttention.of(spec, options);
        AttentionTensor[] x = new AttentionTensor[8];
        Arrays.setAll(x, i -> AttentionTensor.contiguous(
            Arena.ofAuto().allocate(4 * 512 * 64), ElementType.FLOAT32, 1, 512, 1, 64));
        MemorySegment lse = Arena.ofAuto().allocate(4 * 512);
        attention.forward(x[0], x[1], x[2], x[3], lse);
        attention.backward(x[0], x[1], x[2], x[3], lse, x[4], x[5], x[6], x[7], GradientMode.EXACT);
      }
    }
  }
}
