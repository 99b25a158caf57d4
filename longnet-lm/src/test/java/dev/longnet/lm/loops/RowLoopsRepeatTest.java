// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.core.config.Activation;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Equal bits from interpreted and from compiled code, and formulas that are derivatives.
class RowLoopsRepeatTest {
  static RowLoops[] loops() {
    return RowLoopsContractTest.loops();
  }

  @ParameterizedTest
  @MethodSource("loops")
  void compiledCodeComputesTheSameBits(RowLoops loops) {
    List<Integer> first = transcript(loops);
    assertThat(transcript(loops)).isEqualTo(first);
    try (Arena arena = Arena.ofConfined()) {
      Pass[] passes = {
        new Pass(arena, ElementType.FLOAT32, 2, 48), new Pass(arena, ElementType.BFLOAT16, 2, 35)
      };
      for (int i = 0; i < 25_000; i++) {
        passes[i % 2].run(loops);
      }
    }
    assertThat(transcript(loops)).isEqualTo(first);
  }

  private static List<Integer> transcript(RowLoops loops) {
    List<Integer> bits = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      for (ElementType type : ElementType.FAST) {
        for (int width : new int[] {48, 35, 512}) {
          Pass pass = new Pass(arena, type, 40, width);
          bits.addAll(pass.run(loops));
        }
      }
    }
    return bits;
  }

  /// Every method that sums, once.
  private static final class Pass {
    private final TestRows[] rows = new TestRows[6];
    private final TestRows[] vectors = new TestRows[6];
    private final TestRows floats;
    private final TestRows taps;
    private final TestRows gradTaps;
    private final long targets;

    Pass(Arena arena, ElementType type, int count, int width) {
      Random random = new Random(width);
      for (int i = 0; i < rows.length; i++) {
        rows[i] = new TestRows(arena, type, count, width, 3).random(random, 1, 0);
        vectors[i] = TestRows.vector(arena, width).random(random, 1, 0);
      }
      floats = new TestRows(arena, ElementType.FLOAT32, count, width, 0).random(random, 1, 0);
      taps = new TestRows(arena, ElementType.FLOAT32, 4, width, 0).random(random, 1, 0);
      gradTaps = new TestRows(arena, ElementType.FLOAT32, 4, width, 0).random(random, 1, 0);
      targets = arena.allocate(8L * count, 8).fill((byte) 0).address();
    }

    List<Integer> run(RowLoops loops) {
      RowBlock x = rows[0].block;
      RowBlock y = rows[1].block;
      RowBlock out = rows[2].block;
      RowBlock grad = rows[3].block;
      RowBlock sum = floats.block;
      long a = vectors[0].address();
      long b = vectors[1].address();
      long c = vectors[2].address();
      long gradA = vectors[3].address();
      long gradB = vectors[4].address();
      long gradC = vectors[5].address();
      loops.norm(x, a, b, out);
      loops.addNorm(sum, y, c, sum, a, b, out);
      loops.normBackward(x, a, b, y, out, grad, false, gradA, gradB);
      loops.normBackward(x, a, b, y, null, grad, true, gradA, gradB);
      for (Activation activation : Activation.values()) {
        loops.activateNorm(activation, x, c, a, b, out);
        loops.activateNormBackward(activation, x, c, a, b, y, out, grad, gradC, gradA, gradB);
      }
      loops.copy(sum, out, gradC);
      if (x.width() % 8 == 0) {
        loops.rotate(out, c, sum.address(), 4);
        loops.rotateBackward(out, sum.address(), 4, gradC);
        loops.convolve(x, c, taps.block, sum.address(), 4, out);
        loops.convolveBackward(y, x, c, taps.block, sum.address(), 4, out, gradTaps.block, gradC);
      }
      loops.crossEntropy(grad, targets, gradA, 0.5f);
      List<Integer> bits = new ArrayList<>();
      bits.add(Double.hashCode(loops.squares(sum.address(), (long) sum.rows() * sum.width())));
      for (int i = 0; i < rows.length; i++) {
        bits.add(rows[i].bits());
        bits.add(vectors[i].bits());
      }
      bits.add(gradTaps.bits());
      gradTaps.random(new Random(7), 1, 0);
      // The next pass begins with numbers of this size again.
      for (int i = 3; i < 6; i++) {
        vectors[i].random(new Random(i), 1, 0);
      }
      floats.random(new Random(9), 1, 0);
      return bits;
    }
  }

  /// The reference's gradients are derivatives of its formulas, by central differences.
  @Test
  void referenceGradientsAreDerivatives() {
    Random random = new Random(4);
    RowReference r = RowReference.EXACT;
    double[] x = random.doubles(9, -2, 2).toArray();
    double[] gain = random.doubles(9, 0.5, 1.5).toArray();
    double[] bias = random.doubles(9, -1, 1).toArray();
    double[] weights = random.doubles(9, -1, 1).toArray();
    double[] gradGain = new double[9];
    double[] gradBias = new double[9];
    double[] gradX = r.normBackward(x, gain, weights, gradGain, gradBias);
    assertDerivative(x, gradX, v -> dot(r.norm(v, gain, bias), weights));
    assertDerivative(gain, gradGain, v -> dot(r.norm(x, v, bias), weights));
    assertDerivative(bias, gradBias, v -> dot(r.norm(x, gain, v), weights));
    for (Activation a : Activation.values()) {
      assertDerivative(x, r.activateBackward(a, x, weights), v -> dot(r.activate(a, v), weights));
    }
    assertDerivative(x, r.lossBackward(x, 4, 0.3), v -> 0.3 * r.loss(v, 4));
    double[] row = Arrays.copyOf(x, 8);
    double[] factors = {0.6, 0.8, -0.5, 0.3};
    assertDerivative(
        row,
        r.rotate(Arrays.copyOf(weights, 8), factors, -1),
        v -> dot(r.rotate(v, factors, 1), weights));
  }

  /// Of a convolution, with respect to its rows and its taps.
  @Test
  void theReferencesConvolutionHasItsDerivatives() {
    Random random = new Random(5);
    RowReference r = RowReference.EXACT;
    int rows = 5;
    double[] x = random.doubles(rows * 3, -1, 1).toArray();
    double[] taps = random.doubles(4 * 3, -1, 1).toArray();
    double[] weights = random.doubles(rows * 3, -1, 1).toArray();
    double[][] gradTaps = new double[4][3];
    double[] gradX = new double[x.length];
    for (int t = 0; t < rows; t++) {
      double[] row = r.convolveBackward(cut(weights), cut(x), cut(taps), t, gradTaps);
      System.arraycopy(row, 0, gradX, 3 * t, 3);
    }
    assertDerivative(x, gradX, v -> convolved(r, v, taps, weights));
    double[] flat = Arrays.stream(gradTaps).flatMapToDouble(Arrays::stream).toArray();
    assertDerivative(taps, flat, v -> convolved(r, x, v, weights));
  }

  private static double convolved(RowReference r, double[] x, double[] taps, double[] weights) {
    double sum = 0;
    for (int t = 0; t < x.length / 3; t++) {
      sum += dot(r.convolve(cut(x), cut(taps), t), Arrays.copyOfRange(weights, 3 * t, 3 * t + 3));
    }
    return sum;
  }

  private static double[][] cut(double[] flat) {
    double[][] rows = new double[flat.length / 3][];
    Arrays.setAll(rows, t -> Arrays.copyOfRange(flat, 3 * t, 3 * t + 3));
    return rows;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void assertDerivative(
      double[] x, double[] gradient, Function<double[], Double> function) {
    double h = 1e-5;
    for (int i = 0; i < x.length; i++) {
      double[] up = x.clone();
      double[] down = x.clone();
      up[i] += h;
      down[i] -= h;
      double difference = (function.apply(up) - function.apply(down)) / (2 * h);
      assertThat(gradient[i]).isCloseTo(difference, within(1e-8));
    }
  }
}
