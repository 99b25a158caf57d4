// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/// A JVM without the Vector API, or without native access: AUTO computes with the scalar kernel and
/// names the flag; SIMD refuses and names it.
class MissingModuleTest {
  @Test
  void withoutTheModuleAutoIsScalarAndSimdNamesTheFlag() throws Exception {
    String output = run(List.of());
    assertThat(output)
        .contains(
            "attention kernel: scalar, 2 threads (several times slower than simd: "
                + "the JVM was started without the Vector API: add --add-modules jdk.incubator.vector)");
    assertThat(output).contains("auto: scalar, 2 threads; first output 1.0");
    assertThat(output)
        .contains(
            "simd: IllegalStateException: the simd kernel was asked for, but the JVM was started without "
                + "the Vector API: add --add-modules jdk.incubator.vector");
    assertThat(output)
        .contains(
            "256: IllegalStateException: vectors of 256 bits were asked for, but the JVM was "
                + "started without the Vector API");
  }

  @Test
  void withoutNativeAccessAutoIsScalarAndSimdNamesTheFlag() throws Exception {
    String output =
        run(List.of("--add-modules=jdk.incubator.vector", "--illegal-native-access=deny"));
    assertThat(output).contains("auto: scalar, 2 threads; first output 1.0");
    assertThat(output)
        .contains("simd: IllegalStateException: ")
        .contains("add --enable-native-access=ALL-UNNAMED");
  }

  private static String run(List<String> flags) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-cp",
            "target/classes" + File.pathSeparator + "target/test-classes",
            Child.class.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  /// What the child JVM runs.
  static final class Child {
    private Child() {}

    private static void refused(String name, AttentionOptions options) {
      try {
        DilatedAttention.of(DilatedAttentionSpec.dense(true), options);
        System.out.println(name + ": runs");
      } catch (IllegalStateException e) {
        System.out.println(name + ": " + e.getClass().getSimpleName() + ": " + e.getMessage());
      }
    }

    public static void main(String[] args) {
      AttentionOptions options = AttentionOptions.defaults().withThreads(2);
      DilatedAttention attention = DilatedAttention.of(DilatedAttentionSpec.dense(true), options);
      float[] ones = new float[64];
      Arrays.fill(ones, 1);
      AttentionTensor in =
          AttentionTensor.contiguous(MemorySegment.ofArray(ones), ElementType.FLOAT32, 1, 8, 2, 4);
      float[] out = new float[64];
      attention.forward(
          new Qkv(in, in, in),
          new AttentionOutput(
              AttentionTensor.contiguous(
                  MemorySegment.ofArray(out), ElementType.FLOAT32, 1, 8, 2, 4),
              MemorySegment.ofArray(new float[16])));
      System.out.println("auto: " + attention.describe() + "; first output " + out[0]);
      refused("simd", options.withKernel(KernelChoice.SIMD));
      refused("256", options.withVectorBits(256));
    }
  }
}
