// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.KernelChoice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// A JVM without the Vector API: AUTO computes with the scalar kernels and names the remedy once,
/// SIMD refuses and names it.
class MissingVectorApiTest {
  private static final String REMEDY =
      "the JVM was started without the Vector API: add --add-modules jdk.incubator.vector";

  @Test
  void autoSaysItsFallbackOnceAndSimdRefuses() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Child.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output)
        .containsOnlyOnce("stream kernels: scalar (several times slower than simd: " + REMEDY + ")")
        .contains("auto: scalar, scalar")
        .contains("simd: EnvironmentException: the vector kernels were asked for, but " + REMEDY);
  }

  /// What the other JVM runs.
  static final class Child {
    public static void main(String[] args) {
      System.out.println(
          "auto: "
              + Kernels.of(KernelChoice.AUTO).description()
              + ", "
              + Kernels.of(KernelChoice.AUTO).description());
      try {
        Kernels.of(KernelChoice.SIMD);
      } catch (RuntimeException e) {
        System.out.println("simd: " + e.getClass().getSimpleName() + ": " + e.getMessage());
      }
    }
  }
}
