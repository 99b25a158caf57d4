// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The loss, the optimizer and its norm, of both implementations, against float64.
class LossAndOptimizerLoopsTest {
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  static RowLoops[] loops() {
    return RowLoopsContractTest.loops();
  }

  @ParameterizedTest
  @MethodSource("loops")
  void crossEntropy(RowLoops loops) {
    for (ElementType type : ElementType.FAST) {
      for (int width : new int[] {1, 2, 17, 256, 257, 4096, 50_257}) {
        for (double scale : new double[] {0, 1, 10, 1e4}) {
          for (float weight : new float[] {0, 1, 1 / 512f}) {
            String what = "width %d, %s, scale %s, weight %s".formatted(width, type, scale, weight);
            check(loops, type, width, scale, weight, what);
          }
        }
      }
    }
  }

  private void check(
      RowLoops loops, ElementType type, int width, double scale, float weight, String what) {
    Random random = new Random(width);
    int rows = 2;
    TestRows x = new TestRows(arena, type, rows, width, 3).random(random, scale, -scale / 2);
    TestRows losses = TestRows.vector(arena, rows);
    MemorySegment targets = arena.allocate(8L * rows, 8);
    double[][] exactLoss = new double[1][rows];
    double[][] plainLoss = new double[1][rows];
    double[][] exact = x.values();
    double[][] plain = x.values();
    for (int t = 0; t < rows; t++) {
      int target = t == 0 ? width - 1 : random.nextInt(width);
      targets.set(ValueLayout.JAVA_LONG, 8L * t, target);
      double[] logits = exact[t].clone();
      exactLoss[0][t] = RowReference.EXACT.loss(logits, target);
      // The sum of a row's exponentials is no yardstick for long rows: what a float32 holds is.
      plainLoss[0][t] = (float) exactLoss[0][t];
      if (weight != 0) {
        exact[t] = RowReference.EXACT.lossBackward(logits, target, weight);
        plain[t] = RowReference.PLAIN.lossBackward(logits, target, weight);
      }
    }
    int before = x.bits();
    loops.crossEntropy(x.block, targets.address(), losses.address(), weight);
    new Expected(exactLoss, plainLoss).check(losses, 0, what);
    if (weight == 0) {
      assertThat(x.bits()).as(what).isEqualTo(before);
    } else {
      new Expected(exact, plain).check(x, 0, what);
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void aLossOfNotANumberIsNotANumber(RowLoops loops) {
    for (int at : new int[] {0, 20, 39}) {
      TestRows x = new TestRows(arena, ElementType.FLOAT32, 1, 40, 0).random(new Random(1), 1, 0);
      x.set(0, at, Double.NaN);
      TestRows losses = TestRows.vector(arena, 1);
      MemorySegment targets = arena.allocate(8, 8);
      loops.crossEntropy(x.block, targets.address(), losses.address(), 1);
      assertThat(losses.get(0, 0)).isNaN();
      assertThat(x.get(0, 5)).isNaN();
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void squares(RowLoops loops) {
    for (int count : new int[] {0, 1, 15, 16, 1000, 1024, 5000, 100_001}) {
      for (double scale : new double[] {1, 1e-24, 1e24}) {
        TestRows x = TestRows.vector(arena, Math.max(count, 1)).random(new Random(count), scale, 0);
        double exact = 0;
        for (int i = 0; i < count; i++) {
          exact += x.get(0, i) * x.get(0, i);
        }
        assertThat(loops.squares(x.address(), count))
            .as("%d of %s", count, scale)
            .isCloseTo(exact, within(1e-6 * exact));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("loops")
  void adam(RowLoops loops) {
    for (boolean decoupled : new boolean[] {false, true}) {
      for (int count : new int[] {1, 16, 17, 1000}) {
        Random random = new Random(count);
        TestRows values = TestRows.vector(arena, count).random(random, 1, 0);
        TestRows gradients = TestRows.vector(arena, count);
        TestRows first = TestRows.vector(arena, count).random(random, 0, 0);
        TestRows second = TestRows.vector(arena, count).random(random, 0, 0);
        double[] value = values.values()[0];
        double[] m = new double[count];
        double[] v = new double[count];
        for (int n = 1; n <= 20; n++) {
          gradients.random(random, 0.1, 0);
          AdamStep step = new AdamStep(1e-2, 0.9, 0.98, 1e-8, 0.1, decoupled, 0.7, n);
          loops.adam(
              values.address(),
              gradients.address(),
              first.address(),
              second.address(),
              count,
              step);
          for (int i = 0; i < count; i++) {
            double g = 0.7 * gradients.get(0, i);
            if (decoupled) {
              value[i] *= 1 - 1e-2 * 0.1;
            } else {
              g += 0.1 * value[i];
            }
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.98 * v[i] + 0.02 * g * g;
            double root = Math.sqrt(v[i] / (1 - Math.pow(0.98, n))) + 1e-8;
            value[i] -= 1e-2 / (1 - Math.pow(0.9, n)) * m[i] / root;
          }
        }
        for (int i = 0; i < count; i++) {
          // Twenty steps, each rounded to float32.
          assertThat(values.get(0, i)).isCloseTo(value[i], within(20 * 0x1p-24 * 4));
          assertThat(first.get(0, i)).isCloseTo(m[i], within(2e-7));
          assertThat(second.get(0, i)).isCloseTo(v[i], within(2e-8));
        }
        for (TestRows rows : new TestRows[] {values, gradients, first, second}) {
          rows.assertUntouchedAround("adam, " + count);
        }
      }
    }
  }
}
