// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The accumulating primitive on its own: queries and keys of different counts, positions and
/// buffers, in pieces and in any order.
class AttentionKernelTest {
  static Stream<AttentionOptions> kernels() {
    AttentionOptions simd = AttentionOptions.defaults().withKernel(KernelChoice.SIMD);
    return Stream.of(
        simd.withKernel(KernelChoice.SCALAR),
        simd.withVectorBits(128),
        simd.withVectorBits(256),
        simd.withVectorBits(512));
  }

  /// Float64 attention of query rows to all key rows, by position.
  private static final class Exact {
    final double[][] out;
    final double[] lse;
    final double[][] gradQ;
    final double[][] gradK;
    final double[][] gradV;

    Exact(HeadRows q, HeadRows k, HeadRows v, HeadRows gradOut, boolean causal) {
      int queries = (int) q.count();
      int keys = (int) k.count();
      int size = q.headSize();
      out = new double[queries][size];
      lse = new double[queries];
      gradQ = new double[queries][size];
      gradK = new double[keys][size];
      gradV = new double[keys][size];
      for (int i = 0; i < queries; i++) {
        double[] weights = new double[keys];
        double sum = 0;
        for (int j = 0; j < keys; j++) {
          boolean seen = !causal || k.positions().position(j) <= q.positions().position(i);
          weights[j] = seen ? Math.exp(dot(q, i, k, j) / Math.sqrt(size)) : 0;
          sum += weights[j];
        }
        lse[i] = Math.log(sum);
        double delta = 0;
        for (int j = 0; j < keys && sum > 0; j++) {
          weights[j] /= sum;
          for (int d = 0; d < size; d++) {
            out[i][d] += weights[j] * v.get(j, d);
          }
          delta += weights[j] * dot(gradOut, i, v, j);
        }
        for (int j = 0; j < keys; j++) {
          double ds = weights[j] * (dot(gradOut, i, v, j) - delta) / Math.sqrt(size);
          for (int d = 0; d < size; d++) {
            gradQ[i][d] += ds * k.get(j, d);
            gradK[j][d] += ds * q.get(i, d);
            gradV[j][d] += weights[j] * gradOut.get(i, d);
          }
        }
      }
    }

    private static double dot(HeadRows a, int i, HeadRows b, int j) {
      double sum = 0;
      for (int d = 0; d < a.headSize(); d++) {
        sum += a.get(i, d) * b.get(j, d);
      }
      return sum;
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void keysInPiecesOfAnyOrderFromAnyBufferGiveTheSame(AttentionOptions options) {
    AttentionKernel kernel = AttentionKernel.of(options);
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      int size = 1 + random.nextInt(40);
      boolean causal = random.nextBoolean();
      Rows queryRows = new Rows(random.nextInt(50), 1 + random.nextInt(4), 1 + random.nextInt(150));
      Rows keyRows = new Rows(random.nextInt(80), 1 + random.nextInt(5), 1 + random.nextInt(400));
      HeadRows q = random(random, queryRows, size);
      HeadRows k = random(random, keyRows, size);
      HeadRows v = random(random, keyRows, size);
      HeadRows gradOut = random(random, queryRows, size);
      Exact exact = new Exact(q, k, v, gradOut, causal);
      List<long[]> pieces = pieces(random, keyRows.count());

      HeadRows out = HeadRows.contiguous(floats(queryRows.count() * size), size, queryRows);
      out.data().fill((byte) -1); // NaN: an accumulator whose LSE is -inf may hold anything
      RowScalars lse =
          random.nextBoolean()
              ? RowScalars.contiguous(floats(queryRows.count()), queryRows.count())
              : RowScalars.contiguousDoubles(
                  Arena.ofAuto().allocate(queryRows.count() * 8), queryRows.count());
      lse.fill(Double.NEGATIVE_INFINITY);
      for (long[] piece : pieces) {
        kernel.fold(
            q,
            elsewhere(random, k.slice(piece[0], piece[1])),
            elsewhere(random, v.slice(piece[0], piece[1])),
            causal,
            out,
            lse);
      }
      String as = "seed " + seed;
      for (int i = 0; i < queryRows.count(); i++) {
        if (exact.lse[i] == Double.NEGATIVE_INFINITY) {
          assertThat(lse.get(i)).as(as).isEqualTo(Double.NEGATIVE_INFINITY);
        } else {
          assertThat(Math.abs(lse.get(i) - exact.lse[i])).as(as).isLessThan(3e-6);
          assertRow(as + " out", out, i, exact.out[i]);
        }
      }

      RowScalars delta = RowScalars.contiguous(floats(queryRows.count()), queryRows.count());
      for (int i = 0; i < queryRows.count(); i++) {
        double sum = 0;
        for (int d = 0; d < size; d++) {
          sum += exact.out[i][d] * gradOut.get(i, d);
        }
        delta.set(i, sum);
      }
      HeadRows gradQ = HeadRows.contiguous(floats(queryRows.count() * size), size, queryRows);
      HeadRows gradK = HeadRows.contiguous(floats(keyRows.count() * size), size, keyRows);
      HeadRows gradV = HeadRows.contiguous(floats(keyRows.count() * size), size, keyRows);
      // Added to 0, or put where NaN is: each piece's keys once, the queries by the first piece.
      boolean overwrite = random.nextBoolean();
      if (overwrite) {
        Stream.of(gradQ, gradK, gradV).forEach(rows -> rows.data().fill((byte) -1));
      }
      for (long[] piece : pieces) {
        boolean first = overwrite && piece == pieces.getFirst();
        HeadRows keys = elsewhere(random, k.slice(piece[0], piece[1]));
        HeadRows values = elsewhere(random, v.slice(piece[0], piece[1]));
        HeadRows dk = gradK.slice(piece[0], piece[1]);
        HeadRows dv = gradV.slice(piece[0], piece[1]);
        if (random.nextBoolean() && first == overwrite) {
          kernel.foldBackward(
              q,
              keys,
              values,
              causal,
              gradOut,
              lse,
              delta,
              new FoldGradients(gradQ, dk, dv, first));
        } else {
          kernel.foldBackward(
              q,
              keys,
              values,
              causal,
              gradOut,
              lse,
              delta,
              new FoldGradients(gradQ, null, null, first));
          kernel.foldBackward(
              q,
              keys,
              values,
              causal,
              gradOut,
              lse,
              delta,
              new FoldGradients(null, dk, dv, overwrite));
        }
      }
      for (int i = 0; i < queryRows.count(); i++) {
        assertRow(as + " gradQ", gradQ, i, exact.gradQ[i]);
      }
      for (int j = 0; j < keyRows.count(); j++) {
        assertRow(as + " gradK", gradK, j, exact.gradK[j]);
        assertRow(as + " gradV", gradV, j, exact.gradV[j]);
      }
    }
  }

  /// More keys than a kernel packs at once: gradients of queries are put once and then added to.
  @ParameterizedTest
  @MethodSource("kernels")
  void gradientsOfManyKeysAreOverwrittenOnce(AttentionOptions options) {
    AttentionKernel kernel = AttentionKernel.of(options);
    Random random = new Random(3);
    int size = 5;
    Rows keyRows = new Rows(500, 1, 3400);
    for (Rows queryRows :
        List.of(new Rows(300, 17, 200), new Rows(700, 3, 300), new Rows(0, 1, 20))) {
      HeadRows q = random(random, queryRows, size);
      HeadRows k = random(random, keyRows, size);
      HeadRows v = random(random, keyRows, size);
      HeadRows gradOut = random(random, queryRows, size);
      HeadRows out = random(random, queryRows, size);
      RowScalars lse = RowScalars.contiguous(floats(queryRows.count()), queryRows.count());
      RowScalars delta = RowScalars.contiguous(floats(queryRows.count()), queryRows.count());
      lse.fill(Double.NEGATIVE_INFINITY);
      kernel.fold(q, k, v, true, out, lse);
      kernel.delta(gradOut, out, delta);
      FoldGradients[] gradients = new FoldGradients[2];
      for (int i = 0; i < 2; i++) {
        HeadRows[] rows = new HeadRows[3];
        for (int j = 0; j < 3; j++) {
          Rows positions = j == 0 ? queryRows : keyRows;
          rows[j] = HeadRows.contiguous(floats(positions.count() * size), size, positions);
          rows[j].data().fill((byte) (i == 0 ? 0 : -1));
        }
        gradients[i] = new FoldGradients(rows[0], rows[1], rows[2], i == 1);
        kernel.foldBackward(q, k, v, true, gradOut, lse, delta, gradients[i]);
      }
      for (int j = 0; j < 3; j++) {
        HeadRows added = gradients[0].rows().get(j);
        HeadRows put = gradients[1].rows().get(j);
        for (long i = 0; i < added.count(); i++) {
          for (int d = 0; d < size; d++) {
            // 0 added to -0 is 0.
            assertThat(put.get(i, d) + 0f)
                .as("tensor %d row %d", j, i)
                .isEqualTo(added.get(i, d) + 0f);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void refusesRowsThatDoNotFit(AttentionOptions options) {
    AttentionKernel kernel = AttentionKernel.of(options);
    Rows three = new Rows(0, 1, 3);
    Rows four = new Rows(0, 1, 4);
    HeadRows q = HeadRows.contiguous(floats(12), 4, three);
    HeadRows k = HeadRows.contiguous(floats(16), 4, four);
    RowScalars lse = RowScalars.contiguous(floats(3), 3);
    assertThatThrownBy(() -> kernel.fold(q, k, q, true, q, lse))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("v must have 4 rows of 4 elements");
    assertThatThrownBy(() -> kernel.fold(q, k, k, true, k, lse))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("out must have 3 rows");
    HeadRows bfloats = new HeadRows(floats(12), ElementType.BFLOAT16, 0, 4, 4, three);
    assertThatThrownBy(() -> kernel.fold(q, k, k, true, bfloats, lse))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("accumulates in float32");
    assertThatThrownBy(() -> new HeadRows(floats(12), ElementType.FLOAT32, 1, 4, 4, three))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rows must lie within 12 elements");
    assertThatThrownBy(() -> new HeadRows(floats(12), ElementType.FLOAT32, 4, -4, 4, three))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rows must lie within 12 elements");
  }

  /// The vector kernel trusts its addresses: what does not fit is refused before, whatever the
  /// call.
  @ParameterizedTest
  @MethodSource("kernels")
  void refusesWhatItsOtherCallsCannotHold(AttentionOptions options) {
    AttentionKernel kernel = AttentionKernel.of(options);
    HeadRows four = HeadRows.contiguous(floats(4 * 16), 16, new Rows(0, 1, 4));
    HeadRows three = HeadRows.contiguous(floats(3 * 16), 16, new Rows(0, 1, 3));
    HeadRows readOnly = HeadRows.contiguous(floats(4 * 16).asReadOnly(), 16, new Rows(0, 1, 4));
    RowScalars scalars = RowScalars.contiguous(floats(4), 4);
    RowScalars fixed = RowScalars.contiguous(floats(4).asReadOnly(), 4);
    assertThatThrownBy(() -> kernel.delta(three, four, scalars))
        .hasMessage("gradOut must have 4 rows of 16 elements: 3 rows of 16");
    assertThatThrownBy(() -> kernel.delta(four, four, RowScalars.contiguous(floats(3), 3)))
        .hasMessageContaining("delta must hold");
    assertThatThrownBy(() -> kernel.delta(four, four, fixed))
        .hasMessage("delta must be writable: it is read-only memory");
    assertThatThrownBy(() -> kernel.fold(four, four, four, false, four, fixed))
        .hasMessage("lse must be writable: it is read-only memory");
    assertThatThrownBy(() -> kernel.copy(four, three))
        .hasMessageContaining("the copy must have 4 rows");
    assertThatThrownBy(() -> kernel.copy(four, readOnly)).hasMessageContaining("must be writable");
    assertThatThrownBy(() -> kernel.clear(readOnly)).hasMessageContaining("must be writable");
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void stopsOnAnInterruptedThread(AttentionOptions options) {
    AttentionKernel kernel = AttentionKernel.of(options);
    Rows rows = new Rows(0, 1, 8);
    HeadRows q = HeadRows.contiguous(floats(32), 4, rows);
    RowScalars lse = RowScalars.contiguous(floats(8), 8);
    Thread.currentThread().interrupt();
    assertThatThrownBy(
            () -> kernel.fold(q, q, q, true, HeadRows.contiguous(floats(32), 4, rows), lse))
        .isInstanceOf(CancellationException.class);
    assertThat(Thread.interrupted()).isTrue();
  }

  private static List<long[]> pieces(Random random, long count) {
    List<long[]> pieces = new ArrayList<>();
    for (long from = 0; from < count; ) {
      long to = Math.min(count, from + 1 + random.nextInt(random.nextBoolean() ? 5 : 300));
      pieces.add(new long[] {from, to});
      from = to;
    }
    Collections.shuffle(pieces, random);
    return pieces;
  }

  /// The same rows in another buffer, with another stride, on or off heap.
  private static HeadRows elsewhere(Random random, HeadRows rows) {
    long stride = rows.headSize() + random.nextInt(4);
    long elements = 3 + stride * rows.count();
    MemorySegment data =
        random.nextBoolean() ? MemorySegment.ofArray(new float[(int) elements]) : floats(elements);
    HeadRows copy =
        new HeadRows(
            data,
            ElementType.FLOAT32,
            random.nextInt(3),
            stride,
            rows.headSize(),
            rows.positions());
    float[] row = new float[rows.headSize()];
    for (long i = 0; i < rows.count(); i++) {
      rows.read(i, row, 0);
      copy.write(i, row, 0);
    }
    return copy;
  }

  private static HeadRows random(Random random, Rows positions, int size) {
    HeadRows rows = HeadRows.contiguous(floats(positions.count() * size), size, positions);
    float[] row = new float[size];
    for (long i = 0; i < positions.count(); i++) {
      for (int d = 0; d < size; d++) {
        row[d] = (float) random.nextGaussian();
      }
      rows.write(i, row, 0);
    }
    return rows;
  }

  private static MemorySegment floats(long count) {
    return Arena.ofAuto().allocate(count * 4, 64);
  }

  private static void assertRow(String as, HeadRows rows, int i, double[] exact) {
    for (int d = 0; d < exact.length; d++) {
      // Hundreds of float32 additions of terms of order 1, in up to a hundred folds.
      assertThat(Math.abs(rows.get(i, d) - exact[d]))
          .as("%s [%d][%d]", as, i, d)
          .isLessThan(2e-5 * (1 + Math.abs(exact[d])));
    }
  }
}
