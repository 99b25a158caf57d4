// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The plain twin of [SimdKernel]. It computes the same in ordinary Java over float arrays, in
/// loops that the JIT's own vectoriser finds. It needs no module and no flag.
final class ScalarKernel implements AttentionKernel {
  /// How many keys are packed at a time; at D = 64 their K and V fill 256 KiB.
  static final int KEYS = 512;

  /// How many queries one pass adds to the gradients of keys and values.
  private static final int GROUP = 8;

  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public void fold(
      HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    FoldChecks.forward(q, k, v, out, lse);
    if (q.type() == ElementType.FLOAT64) {
      Float64Folds.fold(q, k, v, causal, out, lse);
      return;
    }
    int headSize = q.headSize();
    float scale = (float) (1 / Math.sqrt(headSize));
    float[] query = new float[headSize];
    float[] output = new float[headSize];
    int block = (int) Math.min(KEYS, k.count());
    float[][] keys = new float[headSize][block];
    float[][] values = new float[block][headSize];
    float[] scores = new float[block];
    Exponentials exponentials = new Exponentials(block);
    for (long from = 0; from < k.count(); from += block) {
      Rows positions = k.positions().slice(from, Math.min(k.count(), from + block));
      long firstQuery = causal ? q.positions().countBefore(positions.first()) : 0;
      if (firstQuery == q.count()) {
        break;
      }
      packColumns(k, from, (int) positions.count(), keys);
      packRows(v, from, (int) positions.count(), values);
      for (long i = firstQuery; i < q.count(); i++) {
        FoldChecks.stopIfInterrupted();
        int n = seen(positions, q, i, causal);
        q.read(i, query, 0);
        columnProducts(query, keys, n, scores);
        scale(scores, n, scale);
        double before = lse.get(i);
        float top = (float) Math.max(before, max(scores, n));
        exponentials.of(scores, n, top);
        double sum = sum(scores, n);
        double past = Math.exp(before - top);
        if (past == 0) {
          Arrays.fill(output, 0);
        } else {
          out.read(i, output, 0);
          scale(output, headSize, (float) past);
        }
        addRows(scores, values, n, headSize, output);
        scale(output, headSize, (float) (1 / (past + sum)));
        out.write(i, output, 0);
        lse.set(i, top + Math.log(past + sum));
      }
    }
  }

  @Override
  @SuppressWarnings("NullAway") // wantQ and wantK say which gradients there are
  public void foldBackward(
      HeadRows q,
      HeadRows k,
      HeadRows v,
      boolean causal,
      HeadRows gradOut,
      RowScalars lse,
      RowScalars delta,
      FoldGradients gradients) {
    FoldChecks.backward(q, k, v, gradOut, lse, delta, gradients);
    if (gradients.overwrite()) {
      gradients.rows().forEach(this::clear);
    }
    if (q.type() == ElementType.FLOAT64) {
      Float64Folds.foldBackward(q, k, v, causal, gradOut, lse, delta, gradients);
      return;
    }
    int headSize = q.headSize();
    float scale = (float) (1 / Math.sqrt(headSize));
    boolean wantQ = gradients.queries() != null;
    boolean wantK = gradients.keys() != null;
    int block = (int) Math.min(KEYS, k.count());
    float[][] queries = new float[GROUP][headSize];
    float[][] dOuts = new float[GROUP][headSize];
    float[] column = new float[GROUP];
    float[] row = new float[headSize];
    float[][] keyRows = new float[wantQ ? block : 0][headSize];
    float[][] keys = new float[headSize][block];
    float[][] values = new float[headSize][block];
    float[][] dKeys = new float[wantK ? headSize : 0][block];
    float[][] dValues = new float[wantK ? headSize : 0][block];
    float[][] p = new float[GROUP][block];
    float[][] ds = new float[GROUP][block];
    Exponentials exponentials = new Exponentials(block);
    for (long from = 0; from < k.count(); from += block) {
      Rows positions = k.positions().slice(from, Math.min(k.count(), from + block));
      long firstQuery = causal ? q.positions().countBefore(positions.first()) : 0;
      if (firstQuery == q.count()) {
        break;
      }
      packColumns(k, from, (int) positions.count(), keys);
      packColumns(v, from, (int) positions.count(), values);
      if (wantQ) {
        packRows(k, from, (int) positions.count(), keyRows);
      }
      clear(dKeys);
      clear(dValues);
      for (long first = firstQuery; first < q.count(); first += GROUP) {
        FoldChecks.stopIfInterrupted();
        int group = (int) Math.min(GROUP, q.count() - first);
        // What the group's last query sees; the others' weights end in zeros.
        int widest = seen(positions, q, first + group - 1, causal);
        for (int g = 0; g < group; g++) {
          long i = first + g;
          float norm = (float) lse.get(i);
          int n = norm == Float.NEGATIVE_INFINITY ? 0 : seen(positions, q, i, causal);
          q.read(i, queries[g], 0);
          gradOut.read(i, dOuts[g], 0);
          columnProducts(queries[g], keys, n, p[g]);
          columnProducts(dOuts[g], values, n, ds[g]);
          scale(p[g], n, scale);
          exponentials.of(p[g], n, norm);
          gradScores(p[g], n, (float) delta.get(i), scale, ds[g]);
          Arrays.fill(p[g], n, widest, 0);
          Arrays.fill(ds[g], n, widest, 0);
          if (wantQ && n > 0) {
            gradients.queries().read(i, row, 0);
            addRows(ds[g], keyRows, n, headSize, row);
            gradients.queries().write(i, row, 0);
          }
        }
        if (wantK) {
          // By columns: loops over many keys are the ones that pay.
          for (int d = 0; d < headSize; d++) {
            addRows(column(queries, group, d, column), ds, group, widest, dKeys[d]);
            addRows(column(dOuts, group, d, column), p, group, widest, dValues[d]);
          }
        }
      }
      if (wantK) {
        addTo(gradients.keys(), from, (int) positions.count(), dKeys, row);
        addTo(gradients.values(), from, (int) positions.count(), dValues, row);
      }
    }
  }

  /// How many of the keys query `i` sees.
  private static int seen(Rows keys, HeadRows q, long i, boolean causal) {
    return (int) (causal ? keys.countUpTo(q.positions().position(i)) : keys.count());
  }

  /// ds = p (ds - delta) scale, for j < n.
  private static void gradScores(float[] p, int n, float delta, float scale, float[] ds) {
    for (int j = 0; j < n; j++) {
      ds[j] = p[j] * (ds[j] - delta) * scale;
    }
  }

  /// Element d of every row.
  private static float[] column(float[][] rows, int count, int d, float[] column) {
    for (int i = 0; i < count; i++) {
      column[i] = rows[i][d];
    }
    return column;
  }

  private static void packRows(HeadRows rows, long from, int count, float[][] packed) {
    for (int j = 0; j < count; j++) {
      rows.read(from + j, packed[j], 0);
    }
  }

  /// Packs d-major: element d of row j stands at `[d][j]`, so that a score loop runs over
  /// neighbouring keys.
  private static void packColumns(HeadRows rows, long from, int count, float[][] packed) {
    float[] row = new float[rows.headSize()];
    for (int j = 0; j < count; j++) {
      rows.read(from + j, row, 0);
      for (int d = 0; d < row.length; d++) {
        packed[d][j] = row[d];
      }
    }
  }

  private static void clear(float[][] rows) {
    for (float[] row : rows) {
      Arrays.fill(row, 0);
    }
  }

  /// `products[j] = sum_d a[d] columns[d][j]`, for j < n.
  private static void columnProducts(float[] a, float[][] columns, int n, float[] products) {
    Arrays.fill(products, 0, n, 0);
    addRows(a, columns, a.length, n, products);
  }

  /// `sum[i] += sum_j weights[j] rows[j][i]`, for j < count and i < n. A pass adds eight rows, so
  /// that the sums are loaded and stored an eighth as often.
  private static void addRows(float[] weights, float[][] rows, int count, int n, float[] sum) {
    int j = 0;
    for (; j + 8 <= count; j += 8) {
      addRows(
          weights,
          j,
          rows[j],
          rows[j + 1],
          rows[j + 2],
          rows[j + 3],
          rows[j + 4],
          rows[j + 5],
          rows[j + 6],
          rows[j + 7],
          n,
          sum);
    }
    for (; j < count; j++) {
      addRow(weights[j], rows[j], n, sum);
    }
  }

  /// Every row is an array of its own that starts at 0, because the JIT's vectoriser gives up at
  /// one array that is read from several offsets.
  private static void addRows(
      float[] weights,
      int j,
      float[] x0,
      float[] x1,
      float[] x2,
      float[] x3,
      float[] x4,
      float[] x5,
      float[] x6,
      float[] x7,
      int n,
      float[] sum) {
    float a0 = weights[j];
    float a1 = weights[j + 1];
    float a2 = weights[j + 2];
    float a3 = weights[j + 3];
    float a4 = weights[j + 4];
    float a5 = weights[j + 5];
    float a6 = weights[j + 6];
    float a7 = weights[j + 7];
    for (int i = 0; i < n; i++) {
      sum[i] +=
          a0 * x0[i]
              + a1 * x1[i]
              + a2 * x2[i]
              + a3 * x3[i]
              + (a4 * x4[i] + a5 * x5[i] + a6 * x6[i] + a7 * x7[i]);
    }
  }

  private static void addRow(float a, float[] x, int n, float[] sum) {
    for (int i = 0; i < n; i++) {
      sum[i] += a * x[i];
    }
  }

  private static void scale(float[] x, int n, float factor) {
    for (int j = 0; j < n; j++) {
      x[j] *= factor;
    }
  }

  /// Adds up four sums side by side, because one sum alone waits for its own last addition.
  private static double sum(float[] x, int n) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int j = 0;
    for (; j + 4 <= n; j += 4) {
      a += x[j];
      b += x[j + 1];
      c += x[j + 2];
      d += x[j + 3];
    }
    for (; j < n; j++) {
      a += x[j];
    }
    return a + b + (c + d);
  }

  /// Takes four maxima side by side, for the same reason.
  private static float max(float[] x, int n) {
    float a = Float.NEGATIVE_INFINITY;
    float b = a;
    float c = a;
    float d = a;
    int j = 0;
    for (; j + 4 <= n; j += 4) {
      a = x[j] > a ? x[j] : a;
      b = x[j + 1] > b ? x[j + 1] : b;
      c = x[j + 2] > c ? x[j + 2] : c;
      d = x[j + 3] > d ? x[j + 3] : d;
    }
    for (; j < n; j++) {
      a = x[j] > a ? x[j] : a;
    }
    return Math.max(Math.max(a, b), Math.max(c, d));
  }

  /// `x[j] = exp(x[j] - shift)`, for j < n, and 0 below 2^-126; the arithmetic is that of
  /// [VectorLoops]. The JIT's vectoriser has no way from the bits of an int to a float, so the
  /// powers of two pass through memory. That takes a quarter of the time of a scalar loop.
  private static final class Exponentials {
    private final int[] bits;
    private final float[] powers;
    private final MemorySegment from;
    private final MemorySegment to;

    /// @param most how many at once
    Exponentials(int most) {
      bits = new int[most];
      powers = new float[most];
      from = MemorySegment.ofArray(bits);
      to = MemorySegment.ofArray(powers);
    }

    void of(float[] x, int n, float shift) {
      polynomials(x, n, shift, bits);
      MemorySegment.copy(from, 0, to, 0, 4L * n);
      for (int j = 0; j < n; j++) {
        x[j] *= powers[j];
      }
    }

    private static void polynomials(float[] x, int n, float shift, int[] bits) {
      for (int j = 0; j < n; j++) {
        float y = Math.max((x[j] - shift) * VectorLoops.LOG2E, -127f);
        float whole = y + VectorLoops.ROUND - VectorLoops.ROUND;
        float f = y - whole;
        x[j] =
            ((((VectorLoops.EXP5 * f + VectorLoops.EXP4) * f + VectorLoops.EXP3) * f
                                + VectorLoops.EXP2)
                            * f
                        + VectorLoops.EXP1)
                    * f
                + 1f;
        bits[j] = (int) whole + 127 << 23;
      }
    }
  }

  private static void addTo(HeadRows rows, long from, int count, float[][] columns, float[] row) {
    for (int j = 0; j < count; j++) {
      rows.read(from + j, row, 0);
      for (int d = 0; d < row.length; d++) {
        row[d] += columns[d][j];
      }
      rows.write(from + j, row, 0);
    }
  }
}
