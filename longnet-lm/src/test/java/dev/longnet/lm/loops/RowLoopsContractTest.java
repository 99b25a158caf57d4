// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.OffHeap;
import dev.longnet.core.config.Activation;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Both implementations against the formulas in float64, on rows of all widths, types and strides.
class RowLoopsContractTest {
  private static final int[] WIDTHS = {1, 2, 3, 8, 15, 16, 17, 64, 100, 128, 192, 512, 513};

  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  static RowLoops[] loops() {
    return new RowLoops[] {new ScalarRowLoops(), new VectorRowLoops()};
  }

  static Stream<Arguments> activations() {
    return Arrays.stream(Activation.values())
        .flatMap(a -> Arrays.stream(loops()).map(loops -> Arguments.of(a, loops)));
  }

  /// What a test draws its rows from.
  private final class Draw {
    final Random random;
    final String what;
    final int width;
    final int rows;

    Draw(String name, int width, int rows, ElementType... types) {
      this.width = width;
      this.rows = rows;
      long seed = 31L * width + rows;
      random = new Random(seed);
      what = "%s, width %d, %d rows, %s".formatted(name, width, rows, java.util.List.of(types));
    }

    TestRows rows(ElementType type, double scale, double mean) {
      return new TestRows(arena, type, rows, width, random.nextInt(3) * 5)
          .random(random, scale, mean);
    }

    /// Rows whose norm does not magnify errors by luck: no two or three numbers close to another.
    TestRows spread(ElementType type) {
      TestRows x = rows(type, 1, 1);
      for (int t = 0; t < rows; t++) {
        for (int i = 0; i < width; i++) {
          x.set(t, i, x.get(t, i) * 0.4 + (i % 2 == 0 ? 2.5 : -2));
        }
      }
      return x;
    }

    TestRows vector(double scale, double mean) {
      return TestRows.vector(arena, width).random(random, scale, mean);
    }
  }

  private interface Check {
    void run(Draw draw, ElementType first, ElementType second);
  }

  /// All widths, types, and 0, 1, 3 and 70 rows.
  private void sweep(String name, Check check) {
    for (ElementType first : ElementType.FAST) {
      for (ElementType second : ElementType.FAST) {
        for (int width : WIDTHS) {
          for (int rows : width < 100 ? new int[] {0, 1, 3, 70} : new int[] {2}) {
            check.run(new Draw(name, width, rows, first, second), first, second);
          }
        }
      }
    }
  }

  private static Expected expected(int rows, Function<RowReference, double[][]> formula) {
    return new Expected(formula.apply(RowReference.EXACT), formula.apply(RowReference.PLAIN));
  }

  @ParameterizedTest
  @MethodSource("loops")
  void norm(RowLoops loops) {
    sweep(
        "norm",
        (draw, first, second) -> {
          TestRows x = draw.spread(first);
          TestRows gain = draw.vector(0.2, 1);
          TestRows bias = draw.vector(0.2, 0);
          TestRows out = draw.rows(second, 1, 0);
          double[][] xs = x.values();
          loops.norm(x.block, gain.address(), bias.address(), out.block);
          Expected expected =
              expected(
                  draw.rows,
                  r -> {
                    double[][] y = new double[draw.rows][];
                    for (int t = 0; t < y.length; t++) {
                      y[t] = r.norm(xs[t], gain.values()[0], bias.values()[0]);
                    }
                    return y;
                  });
          expected.check(out, 1, draw.what);
          if (first == second) {
            loops.norm(x.block, gain.address(), bias.address(), x.block);
            expected.check(x, 1, draw.what + ", in place");
          }
        });
  }

  @ParameterizedTest
  @MethodSource("loops")
  void normBackward(RowLoops loops) {
    sweep(
        "normBackward",
        (draw, first, second) -> {
          for (boolean add : new boolean[] {false, true}) {
            NormCase c = new NormCase(draw, first, second);
            TestRows gradX = draw.rows(first, 1, 0);
            Expected[] expected = c.expected(add ? gradX.values() : null);
            TestRows out = draw.rows(second, 1, 0);
            loops.normBackward(
                c.x.block,
                c.gain.address(),
                c.bias.address(),
                c.gradOut.block,
                add ? null : out.block,
                gradX.block,
                add,
                c.gradGain.address(),
                c.gradBias.address());
            String what = draw.what + ", add " + add;
            expected[0].check(gradX, 1, what + ", gradX");
            expected[1].check(c.gradGain, 4, what + ", gradGain");
            expected[2].check(c.gradBias, 4, what + ", gradBias");
            if (!add) {
              expected[3].check(out, 1, what + ", out");
            }
          }
          NormCase c = new NormCase(draw, first, second);
          Expected[] expected = c.expected(null);
          loops.normBackward(
              c.x.block,
              c.gain.address(),
              c.bias.address(),
              c.gradOut.block,
              null,
              c.gradOut.block,
              false,
              c.gradGain.address(),
              c.gradBias.address());
          expected[0].check(c.gradOut, 1, draw.what + ", gradX in place of gradOut");
        });
  }

  /// Inputs of normBackward, and what it should make of them.
  private static final class NormCase {
    final Draw draw;
    final TestRows x;
    final TestRows gain;
    final TestRows bias;
    final TestRows gradOut;
    final TestRows gradGain;
    final TestRows gradBias;

    NormCase(Draw draw, ElementType first, ElementType second) {
      this.draw = draw;
      x = draw.spread(first);
      gain = draw.vector(0.2, 1);
      bias = draw.vector(0.2, 0);
      gradOut = draw.rows(second, 1, 0.1);
      gradGain = draw.vector(1, 0);
      gradBias = draw.vector(1, 0);
    }

    /// gradX, gradGain, gradBias, out
    Expected[] expected(double[][] old) {
      double[][][] exact = compute(RowReference.EXACT, old);
      double[][][] plain = compute(RowReference.PLAIN, old);
      Expected[] expected = new Expected[exact.length];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = new Expected(exact[i], plain[i]);
      }
      return expected;
    }

    private double[][][] compute(RowReference r, double[][] old) {
      double[][] xs = x.values();
      double[][] grads = gradOut.values();
      double[][] gradX = new double[draw.rows][];
      double[][] out = new double[draw.rows][];
      double[][] gains = gradGain.values();
      double[][] biases = gradBias.values();
      double[] g = gain.values()[0];
      for (int t = 0; t < draw.rows; t++) {
        gradX[t] = r.normBackward(xs[t], g, grads[t], gains[0], biases[0]);
        if (old != null) {
          gradX[t] = r.add(gradX[t], old[t]);
        }
        out[t] = r.norm(xs[t], g, bias.values()[0]);
      }
      return new double[][][] {gradX, gains, biases, out};
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void addAndAddNorm(RowLoops loops) {
    sweep(
        "add",
        (draw, first, second) -> {
          TestRows x = draw.spread(ElementType.FLOAT32);
          TestRows y = draw.rows(first, 0.5, 0);
          TestRows shift = draw.vector(1, 0);
          TestRows gain = draw.vector(0.2, 1);
          TestRows bias = draw.vector(0.2, 0);
          TestRows sum = draw.rows(ElementType.FLOAT32, 1, 0);
          TestRows out = draw.rows(second, 1, 0);
          double[][] xs = x.values();
          double[][] s = shift.values();
          Expected sums =
              expected(
                  draw.rows,
                  r -> {
                    double[][] result = new double[draw.rows][];
                    for (int t = 0; t < result.length; t++) {
                      result[t] = r.add(xs[t], r.add(y.values()[t], s[0]));
                    }
                    return result;
                  });
          loops.add(x.block, y.block, shift.address(), sum.block);
          sums.check(sum, 1, draw.what);
          double[][] stored = sum.values();
          Expected norms =
              expected(
                  draw.rows,
                  r -> {
                    double[][] result = new double[draw.rows][];
                    for (int t = 0; t < result.length; t++) {
                      result[t] = r.norm(stored[t], gain.values()[0], bias.values()[0]);
                    }
                    return result;
                  });
          loops.addNorm(
              x.block,
              y.block,
              shift.address(),
              x.block,
              gain.address(),
              bias.address(),
              out.block);
          sums.check(x, 1, draw.what + ", in place");
          norms.check(out, 1, draw.what + ", norm");
        });
  }

  @ParameterizedTest
  @MethodSource("activations")
  void activateNormAndItsBackward(Activation a, RowLoops loops) {
    sweep(
        a + "Norm",
        (draw, first, second) -> {
          NormCase c = new NormCase(draw, first, second);
          TestRows shift = draw.vector(0.5, 0);
          TestRows gradShift = draw.vector(1, 0);
          TestRows out = draw.rows(second, 1, 0);
          TestRows again = draw.rows(second, 1, 0);
          double[][] xs = c.x.values();
          double[][] grads = c.gradOut.values();
          double[] s = shift.values()[0];
          double[] g = c.gain.values()[0];
          double[][][][] both = new double[2][5][draw.rows][];
          for (int k = 0; k < 2; k++) {
            RowReference r = k == 0 ? RowReference.EXACT : RowReference.PLAIN;
            both[k][1] = c.gradGain.values();
            both[k][2] = c.gradBias.values();
            both[k][3] = gradShift.values();
            for (int t = 0; t < draw.rows; t++) {
              double[] u = r.add(xs[t], s);
              double[] y = r.activate(a, u);
              both[k][0][t] =
                  r.activateBackward(
                      a, u, r.normBackward(y, g, grads[t], both[k][1][0], both[k][2][0]));
              both[k][3][0] = r.add(both[k][3][0], both[k][0][t]);
              both[k][4][t] = r.norm(y, g, c.bias.values()[0]);
            }
          }
          Function<Integer, Expected> expected = i -> new Expected(both[0][i], both[1][i]);
          loops.activateNorm(
              a, c.x.block, shift.address(), c.gain.address(), c.bias.address(), out.block);
          expected.apply(4).check(out, 1, draw.what);
          loops.activateNormBackward(
              a,
              c.x.block,
              shift.address(),
              c.gain.address(),
              c.bias.address(),
              c.gradOut.block,
              again.block,
              c.gradOut.block,
              gradShift.address(),
              c.gradGain.address(),
              c.gradBias.address());
          expected.apply(4).check(again, 1, draw.what + ", backward, out");
          expected.apply(0).check(c.gradOut, 1, draw.what + ", gradX");
          expected.apply(1).check(c.gradGain, 4, draw.what + ", gradGain");
          expected.apply(2).check(c.gradBias, 4, draw.what + ", gradBias");
          expected.apply(3).check(gradShift, 4, draw.what + ", gradShift");
        });
  }

  @ParameterizedTest
  @MethodSource("loops")
  void copy(RowLoops loops) {
    sweep(
        "copy",
        (draw, first, second) -> {
          TestRows x = draw.rows(first, 2, 1);
          TestRows out = draw.rows(second, 1, 0);
          TestRows sums = draw.vector(1, 0);
          Expected columns =
              expected(
                  draw.rows,
                  r -> {
                    double[][] result = sums.values();
                    for (double[] row : x.values()) {
                      result[0] = r.add(result[0], row);
                    }
                    return result;
                  });
          loops.copy(x.block, out.block, 0);
          assertCopied(x, out, draw.what);
          loops.copy(x.block, out.block, sums.address());
          assertCopied(x, out, draw.what);
          columns.check(sums, 4, draw.what + ", sums");
          out.assertUntouchedAround(draw.what);
        });
  }

  private static void assertCopied(TestRows x, TestRows out, String what) {
    for (int t = 0; t < x.block.rows(); t++) {
      for (int i = 0; i < x.block.width(); i++) {
        double value = x.get(t, i);
        if (out.block.type() == ElementType.BFLOAT16) {
          value = ElementType.fromBfloat16(ElementType.toBfloat16((float) value));
        }
        assertThat(out.get(t, i)).as(what).isEqualTo(value);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void rotateAndItsBackward(RowLoops loops) {
    for (ElementType type : ElementType.FAST) {
      for (int pairs : new int[] {0, 1, 2, 3, 4, 8, 16, 32}) {
        for (int heads : new int[] {1, 2, 3, 5}) {
          for (int rows : new int[] {0, 1, 40}) {
            int width = 2 * (pairs == 0 ? 3 : pairs) * heads;
            Draw draw = new Draw("rotate, " + pairs + " pairs", width, rows, type);
            rotate(loops, type, pairs, draw);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void addAtAddsInTheOrderOfTheRows(RowLoops loops) {
    for (int width : new int[] {1, 31, 32, 100}) {
      Random random = new Random(width);
      TestRows x = new TestRows(arena, ElementType.FLOAT32, 50, width, 3).random(random, 1, 0);
      TestRows sums = new TestRows(arena, ElementType.FLOAT32, 4, width, 5).random(random, 1, 0);
      long rows = arena.allocate(8 * 50, 8).address();
      double[][] expected = sums.values();
      for (int t = 0; t < 50; t++) {
        int row = random.nextInt(4);
        OffHeap.ALL.set(ValueLayout.JAVA_LONG, rows + 8L * t, row);
        expected[row] = RowReference.PLAIN.add(expected[row], x.values()[t]);
      }
      loops.addAt(rows, x.block, sums.block);
      assertThat(sums.values()).isDeepEqualTo(expected);
      sums.assertUntouchedAround("addAt " + width);
      OffHeap.ALL.set(ValueLayout.JAVA_LONG, rows, 4L);
      assertThatThrownBy(() -> loops.addAt(rows, x.block, sums.block))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void convolveAndItsBackward(RowLoops loops) {
    for (ElementType type : ElementType.FAST) {
      for (int pairs : new int[] {0, 2, 8, 16}) {
        for (int heads : new int[] {1, 3}) {
          for (int count : new int[] {2, 3, 4, 8}) {
            for (int rows : new int[] {1, 40}) {
              for (int around : new int[] {0, 1, count - 1}) {
                int width = pairs == 0 ? 5 * heads : 2 * pairs * heads;
                String what =
                    "convolve, %d taps, %d around, %d pairs".formatted(count, around, pairs);
                convolve(loops, type, pairs, count, around, new Draw(what, width, rows, type));
              }
            }
          }
        }
      }
    }
  }

  /// @param around rows in front of those that are convolved, and behind those whose gradient it is
  private void convolve(
      RowLoops loops, ElementType type, int pairs, int count, int around, Draw draw) {
    int all = draw.rows + around;
    TestRows x = new TestRows(arena, type, all, draw.width, 3).random(draw.random, 1, 0);
    TestRows gradOut = new TestRows(arena, type, all, draw.width, 3).random(draw.random, 1, 0);
    TestRows own = draw.rows(type, 1, 0);
    TestRows out = draw.rows(type, 1, 0);
    TestRows gradX = draw.rows(type, 1, 0);
    TestRows taps =
        new TestRows(arena, ElementType.FLOAT32, count, draw.width, 7).random(draw.random, 1, 0);
    TestRows gradTaps =
        new TestRows(arena, ElementType.FLOAT32, count, draw.width, 7).random(draw.random, 1, 0);
    TestRows shift = draw.vector(1, 0);
    TestRows gradShift = draw.vector(1, 0);
    TestRows factors =
        new TestRows(arena, ElementType.FLOAT32, all, 2 * Math.max(pairs, 1), 0)
            .random(draw.random, 1, 0);
    double[][][][] both = new double[2][4][draw.rows][];
    double[][] xs = x.values();
    double[][] grads = gradOut.values();
    double[][] owns = own.values();
    double[][] weights = taps.values();
    double[][] f = factors.values();
    double[] s = shift.values()[0];
    for (int k = 0; k < 2; k++) {
      RowReference r = k == 0 ? RowReference.EXACT : RowReference.PLAIN;
      double[][] shifted = new double[all][];
      double[][] turned = new double[all][];
      double[][] ownShifted = new double[draw.rows][];
      for (int t = 0; t < all; t++) {
        shifted[t] = r.add(xs[t], s);
        turned[t] = pairs == 0 ? grads[t] : r.rotate(grads[t], f[t], -1);
      }
      for (int t = 0; t < draw.rows; t++) {
        ownShifted[t] = r.add(owns[t], s);
      }
      both[k][2] = gradTaps.values();
      both[k][3] = gradShift.values();
      for (int t = 0; t < draw.rows; t++) {
        double[] y = r.convolve(shifted, weights, around + t);
        both[k][0][t] = pairs == 0 ? y : r.rotate(y, f[t], 1);
        both[k][1][t] = r.convolveBackward(turned, ownShifted, weights, t, both[k][2]);
        both[k][3][0] = r.add(both[k][3][0], both[k][1][t]);
      }
    }
    long address = pairs == 0 ? 0 : factors.address();
    loops.convolve(x.block, shift.address(), taps.block, address, pairs, out.block);
    new Expected(both[0][0], both[1][0]).check(out, 4, draw.what);
    loops.convolveBackward(
        gradOut.block,
        own.block,
        shift.address(),
        taps.block,
        address,
        pairs,
        gradX.block,
        gradTaps.block,
        gradShift.address());
    new Expected(both[0][1], both[1][1]).check(gradX, 4, draw.what + ", gradX");
    new Expected(both[0][2], both[1][2]).check(gradTaps, 16, draw.what + ", gradTaps");
    new Expected(both[0][3], both[1][3]).check(gradShift, 16, draw.what + ", gradShift");
    loops.convolveBackward(
        gradOut.block,
        own.block,
        shift.address(),
        taps.block,
        address,
        pairs,
        own.block,
        gradTaps.block,
        gradShift.address());
    new Expected(both[0][1], both[1][1]).check(own, 4, draw.what + ", gradX in place of x");
    x.assertUntouchedAround(draw.what);
  }

  private void rotate(RowLoops loops, ElementType type, int pairs, Draw draw) {
    TestRows x = draw.rows(type, 2, 0);
    TestRows back = draw.rows(type, 2, 0);
    TestRows shift = draw.vector(1, 0);
    TestRows gradShift = draw.vector(1, 0);
    TestRows factors =
        new TestRows(arena, ElementType.FLOAT32, draw.rows, 2 * Math.max(pairs, 1), 0)
            .random(draw.random, 1, 0);
    double[][] f = factors.values();
    double[][] xs = x.values();
    double[][] grads = back.values();
    double[][][] forward = new double[2][draw.rows][];
    double[][][] backward = new double[2][draw.rows][];
    double[][][] sums = {gradShift.values(), gradShift.values()};
    for (int k = 0; k < 2; k++) {
      RowReference r = k == 0 ? RowReference.EXACT : RowReference.PLAIN;
      for (int t = 0; t < draw.rows; t++) {
        double[] row = pairs == 0 ? new double[] {1, 0} : f[t];
        forward[k][t] = r.rotate(r.add(xs[t], shift.values()[0]), row, 1);
        backward[k][t] = r.rotate(grads[t], row, -1);
        sums[k][0] = r.add(sums[k][0], backward[k][t]);
      }
    }
    long address = pairs == 0 ? 0 : factors.address();
    loops.rotate(x.block, shift.address(), address, pairs);
    new Expected(forward[0], forward[1]).check(x, 1, draw.what);
    loops.rotateBackward(back.block, address, pairs, gradShift.address());
    new Expected(backward[0], backward[1]).check(back, 1, draw.what + ", backward");
    new Expected(sums[0], sums[1]).check(gradShift, 4, draw.what + ", gradShift");
  }
}
