// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.WorkerTeam;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.core.config.Activation;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Both kernels against float64, at awkward sizes.
class KernelsTest {
  private static NativeFloats random(NativeMemory memory, long count, Random random) {
    NativeFloats floats = memory.floats(count);
    for (long i = 0; i < count; i++) {
      floats.set(i, (float) random.nextGaussian());
    }
    return floats;
  }

  @ParameterizedTest
  @EnumSource(KernelChoice.class)
  void products(KernelChoice choice) {
    Kernels kernels = Kernels.of(choice);
    Random random = new Random(1);
    int[] sizes = {1, 2, 15, 16, 17, 63, 64, 65, 130};
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats scratch = memory.floats(kernels.productScratch());
      for (int trial = 0; trial < 120; trial++) {
        // One row of int8 has a loop of its own; here it takes its inputs in pieces, for full
        // panels and a rest.
        boolean oneLongRow = trial % 60 == 0;
        int out = oneLongRow ? 130 : sizes[random.nextInt(sizes.length)];
        int in = trial % 20 == 0 ? 2100 : sizes[random.nextInt(sizes.length)];
        int rows = oneLongRow ? 1 : 1 + random.nextInt(14);
        boolean quantized = trial % 3 == 0;
        double[][] w = new double[out][in];
        float[] bias = new float[random.nextBoolean() ? out : 0];
        for (int i = 0; i < bias.length; i++) {
          bias[i] = (float) random.nextGaussian();
        }
        float[] scale = new float[out];
        for (int n = 0; n < out; n++) {
          scale[n] = quantized ? random.nextFloat() / 64 : 1;
          for (int k = 0; k < in; k++) {
            w[n][k] = quantized ? random.nextInt(255) - 127 : (float) random.nextGaussian();
          }
        }
        try (NativeMemory part = memory.part()) {
          PackedMatrix packed =
              quantized
                  ? PackedMatrix.ofQuantized(
                      part,
                      out,
                      in,
                      kernels.panelWidth(),
                      (n, row) -> {
                        for (int k = 0; k < in; k++) {
                          row[k] = (byte) w[n][k];
                        }
                        return scale[n];
                      },
                      bias)
                  : PackedMatrix.of(
                      part,
                      out,
                      in,
                      kernels.panelWidth(),
                      (n, row) -> {
                        for (int k = 0; k < in; k++) {
                          row[k] = (float) w[n][k];
                        }
                      },
                      bias);
          NativeFloats x = random(part, (long) rows * (in + 3), random);
          NativeFloats y = part.floats((long) rows * (out + 5));
          y.segment().fill((byte) 0x7f);
          float untouched = y.get(0);
          kernels.product(
              x.address(),
              in + 3,
              rows,
              packed,
              0,
              packed.panels(),
              y.address(),
              out + 5,
              scratch.address());
          for (int row = 0; row < rows; row++) {
            for (int n = 0; n < out; n++) {
              double sum = bias.length == 0 ? 0 : bias[n];
              double size = Math.abs(sum);
              for (int k = 0; k < in; k++) {
                double term = scale[n] * w[n][k] * x.get((long) row * (in + 3) + k);
                sum += term;
                size += Math.abs(term);
              }
              assertThat((double) y.get((long) row * (out + 5) + n))
                  .as("trial %d row %d output %d", trial, row, n)
                  .isCloseTo(sum, Offset.offset(size * 6e-8 * (4 + Math.sqrt(in))));
            }
            for (int n = out; n < out + 5; n++) {
              assertThat(y.get((long) row * (out + 5) + n)).isEqualTo(untouched);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KernelChoice.class)
  void elementwise(KernelChoice choice) {
    Kernels kernels = Kernels.of(choice);
    Random random = new Random(2);
    for (int width : new int[] {1, 2, 15, 16, 17, 64, 100, 257}) {
      try (NativeMemory memory = new NativeMemory()) {
        NativeFloats x = random(memory, width, random);
        NativeFloats gain = random(memory, width, random);
        NativeFloats bias = random(memory, width, random);
        NativeFloats y = memory.floats(width);
        double mean = 0;
        for (int i = 0; i < width; i++) {
          mean += x.get(i) / (double) width;
        }
        double variance = 0;
        double largest = Double.NEGATIVE_INFINITY;
        double sum = 0;
        for (int i = 0; i < width; i++) {
          variance += (x.get(i) - mean) * (x.get(i) - mean) / width;
          sum += Math.exp(x.get(i));
          largest = Math.max(largest, x.get(i));
        }
        assertThat((double) kernels.logSumExp(x.address(), width))
            .isCloseTo(Math.log(sum), Offset.offset(1e-6));
        kernels.layerNorm(
            x.address(), width, 1, width, gain.address(), bias.address(), y.address(), width);
        for (int i = 0; i < width; i++) {
          double expected =
              (x.get(i) - mean) / Math.sqrt(variance + 1e-5) * gain.get(i) + bias.get(i);
          assertThat((double) y.get(i))
              .isCloseTo(
                  expected,
                  Offset.offset(2e-6 * (1 + Math.abs(expected)) + (width == 1 ? 1e-4 : 0)));
        }
      }
    }
  }

  /// The exact GELU from -8 to 8, against erf by its series and continued fraction.
  @ParameterizedTest
  @EnumSource(KernelChoice.class)
  void gelu(KernelChoice choice) {
    Kernels kernels = Kernels.of(choice);
    int count = 16001;
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats x = memory.floats(count);
      for (int i = 0; i < count; i++) {
        x.set(i, (i - 8000) / 1000f);
      }
      kernels.activate(Activation.GELU, x.address(), count);
      for (int i = 0; i < count; i++) {
        float a = (i - 8000) / 1000f;
        double expected = 0.5 * a * (1 + erf(a / Math.sqrt(2)));
        assertThat((double) x.get(i))
            .as("x=%s", a)
            .isCloseTo(expected, Offset.offset(2e-7 * Math.max(1, Math.abs(a))));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KernelChoice.class)
  void reluAndSwish(KernelChoice choice) {
    Kernels kernels = Kernels.of(choice);
    int count = 20003;
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats relu = memory.floats(count);
      NativeFloats swish = memory.floats(count);
      for (int i = 0; i < count; i++) {
        float a = (i - 10001) / 100f;
        relu.set(i, a);
        swish.set(i, a);
      }
      kernels.activate(Activation.RELU, relu.address(), count);
      kernels.activate(Activation.SWISH, swish.address(), count);
      for (int i = 0; i < count; i++) {
        float a = (i - 10001) / 100f;
        assertThat(relu.get(i)).isEqualTo(Math.max(a, 0));
        assertThat((double) swish.get(i))
            .as("x=%s", a)
            .isCloseTo(a / (1 + Math.exp(-a)), Offset.offset(3e-7 * Math.max(1, Math.abs(a))));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KernelChoice.class)
  void attendFoldsOneSoftmaxPieceByPiece(KernelChoice choice) {
    Kernels kernels = Kernels.of(choice);
    Random random = new Random(3);
    for (int d : new int[] {2, 8, 16, 24, 64}) {
      int n = 101;
      try (NativeMemory memory = new NativeMemory()) {
        NativeFloats q = random(memory, d, random);
        NativeFloats k = random(memory, (long) n * d, random);
        NativeFloats v = random(memory, (long) n * d, random);
        NativeFloats scores = memory.floats(n);
        NativeFloats out = random(memory, d, random);
        NativeFloats accumulators = memory.floats(2);
        accumulators.set(0, Float.NEGATIVE_INFINITY);
        accumulators.set(1, 0);
        for (int from = 0; from < n; ) {
          int count = Math.min(n - from, 1 + random.nextInt(40));
          kernels.attend(
              q.address(),
              k.address() + 4L * from * d,
              v.address() + 4L * from * d,
              count,
              d,
              0.5f,
              scores.address(),
              out.address(),
              accumulators.address());
          from += count;
        }
        double[] expected = new double[d];
        double sum = 0;
        for (int i = 0; i < n; i++) {
          double score = 0;
          for (int j = 0; j < d; j++) {
            score += 0.5 * q.get(j) * k.get((long) i * d + j);
          }
          sum += Math.exp(score);
          for (int j = 0; j < d; j++) {
            expected[j] += Math.exp(score) * v.get((long) i * d + j);
          }
        }
        for (int j = 0; j < d; j++) {
          assertThat((double) out.get(j) / accumulators.get(1))
              .isCloseTo(expected[j] / sum, Offset.offset(5e-6));
        }
      }
    }
  }

  /// Rows in place, from every number of them on, with what lay before them.
  @ParameterizedTest
  @EnumSource(KernelChoice.class)
  void convolutions(KernelChoice choice) {
    Kernels kernels = Kernels.of(choice);
    Random random = new Random(3);
    for (int columns : new int[] {1, 15, 16, 17, 40}) {
      for (int count : new int[] {2, 4, 8}) {
        for (int rows : new int[] {1, 3, 7, 20}) {
          int stride = columns + 3;
          int xStride = columns + 5;
          try (NativeMemory memory = new NativeMemory()) {
            NativeFloats taps = random(memory, (long) count * stride, random);
            NativeFloats past = random(memory, (count - 1L) * stride, random);
            NativeFloats x = random(memory, (long) rows * xStride, random);
            double[][] expected = new double[rows][xStride];
            for (int t = 0; t < rows; t++) {
              for (int i = 0; i < xStride; i++) {
                expected[t][i] = i < columns ? 0 : x.get((long) t * xStride + i);
              }
              for (int j = 0; j < count; j++) {
                int row = t + j - count + 1;
                for (int i = 0; i < columns; i++) {
                  float value =
                      row < 0
                          ? past.get((long) (row + count - 1) * stride + i)
                          : x.get((long) row * xStride + i);
                  expected[t][i] += (double) taps.get((long) j * stride + i) * value;
                }
              }
            }
            kernels.convolve(
                x.address(), xStride, rows, columns, taps.address(), count, past.address(), stride);
            for (int t = 0; t < rows; t++) {
              for (int i = 0; i < xStride; i++) {
                assertThat((double) x.get((long) t * xStride + i))
                    .as("%d columns, %d taps, row %d of %d, column %d", columns, count, t, rows, i)
                    .isCloseTo(expected[t][i], Offset.offset(i < columns ? 4e-6 : 0));
              }
            }
          }
        }
      }
    }
  }

  @Test
  void aTeamRunsEveryTaskOnceAndPassesOnWhatOneThrows() {
    try (WorkerTeam team = new WorkerTeam(3)) {
      for (int repeat = 0; repeat < 2000; repeat++) {
        int[] runs = new int[repeat % 17];
        team.run(runs.length, (task, worker) -> runs[task]++);
        assertThat(runs)
            .containsOnly(
                java.util.stream.IntStream.generate(() -> 1).limit(runs.length).toArray());
      }
      org.assertj.core.api.Assertions.assertThatThrownBy(() ->
              team.run(
                  50,
                  (task, worker) -> {
                    if (task == 20) {
                      throw new IllegalStateException("task 20");
                    }
                  }))
          .hasMessage("task 20");
      int[] after = new int[4];
      team.run(4, (task, worker) -> after[task]++);
      assertThat(after).containsOnly(1);
    }
  }

  private static double erf(double x) {
    if (x < 0) {
      return -erf(-x);
    }
    if (x > 3) {
      double f = 0;
      for (int k = 60; k > 0; k--) {
        f = k / 2.0 / (x + f);
      }
      return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f);
    }
    double term = x;
    double sum = x;
    for (int k = 1; k < 80; k++) {
      term *= -x * x / k;
      sum += term / (2 * k + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
}
