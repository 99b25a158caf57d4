package dev.longnet.attention.kernel;

import dev.longnet.attention.HeadRows;
import dev.longnet.attention.RowScalars;
import dev.longnet.attention.Rows;
import java.util.Arrays;

/// The plain twin of [SimdKernel]: the same mathematics in ordinary Java over float arrays, written so that the JIT's own
/// vectoriser finds its loops. Needs no module and no flag.
final class ScalarKernel implements AttentionKernel {
  /// Keys packed at a time; their K and V (D = 64) fill 128 KiB.
  static final int KEYS = 256;

  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    FoldChecks.forward(q, k, v, out, lse);
    int headSize = q.headSize();
    float scale = (float) (1 / Math.sqrt(headSize));
    float[] query = new float[headSize];
    float[] output = new float[headSize];
    int block = (int) Math.min(KEYS, k.count());
    float[] keys = new float[block * headSize];
    float[] values = new float[block * headSize];
    float[] scores = new float[block];
    for (long from = 0; from < k.count(); from += block) {
      Rows positions = k.positions().slice(from, Math.min(k.count(), from + block));
      long firstQuery = causal ? q.positions().countBefore(positions.first()) : 0;
      if (firstQuery == q.count()) {
        break;
      }
      packColumns(k, from, (int) positions.count(), keys, block);
      packRows(v, from, (int) positions.count(), values);
      for (long i = firstQuery; i < q.count(); i++) {
        FoldChecks.stopIfInterrupted();
        int n = (int) (causal ? positions.countUpTo(q.positions().position(i)) : positions.count());
        q.read(i, query, 0);
        columnProducts(query, keys, block, n, scores);
        scale(scores, n, scale);
        double before = lse.get(i);
        double top = Math.max(before, max(scores, n));
        exponentials(scores, n, 1, top);
        double sum = 0;
        for (int j = 0; j < n; j++) {
          sum += scores[j];
        }
        double past = Math.exp(before - top);
        if (past == 0) {
          Arrays.fill(output, 0);
        } else {
          out.read(i, output, 0);
          scale(output, headSize, (float) past);
        }
        addRows(scores, values, n, output);
        scale(output, headSize, (float) (1 / (past + sum)));
        out.write(i, output, 0);
        lse.set(i, top + Math.log(past + sum));
      }
    }
  }

  @Override
  public void foldBackward(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows gradOut, RowScalars lse,
      RowScalars delta, FoldGradients gradients) {
    FoldChecks.backward(q, k, v, gradOut, lse, delta, gradients);
    int headSize = q.headSize();
    float scale = (float) (1 / Math.sqrt(headSize));
    boolean wantQ = gradients.queries() != null;
    boolean wantK = gradients.keys() != null;
    int block = (int) Math.min(KEYS, k.count());
    float[] query = new float[headSize];
    float[] dOut = new float[headSize];
    float[] dQuery = new float[headSize];
    float[] row = new float[headSize];
    float[] keyRows = new float[wantQ ? block * headSize : 0];
    float[] keys = new float[block * headSize];
    float[] values = new float[block * headSize];
    float[] dKeys = new float[wantK ? block * headSize : 0];
    float[] dValues = new float[wantK ? block * headSize : 0];
    float[] p = new float[block];
    float[] ds = new float[block];
    for (long from = 0; from < k.count(); from += block) {
      Rows positions = k.positions().slice(from, Math.min(k.count(), from + block));
      long firstQuery = causal ? q.positions().countBefore(positions.first()) : 0;
      if (firstQuery == q.count()) {
        break;
      }
      packColumns(k, from, (int) positions.count(), keys, block);
      packColumns(v, from, (int) positions.count(), values, block);
      if (wantQ) {
        packRows(k, from, (int) positions.count(), keyRows);
      }
      Arrays.fill(dKeys, 0);
      Arrays.fill(dValues, 0);
      for (long i = firstQuery; i < q.count(); i++) {
        FoldChecks.stopIfInterrupted();
        double norm = lse.get(i);
        if (norm == Double.NEGATIVE_INFINITY) {
          continue;
        }
        int n = (int) (causal ? positions.countUpTo(q.positions().position(i)) : positions.count());
        q.read(i, query, 0);
        gradOut.read(i, dOut, 0);
        columnProducts(query, keys, block, n, p);
        columnProducts(dOut, values, block, n, ds);
        float rowDelta = (float) delta.get(i);
        exponentials(p, n, scale, norm);
        for (int j = 0; j < n; j++) {
          ds[j] = p[j] * (ds[j] - rowDelta) * scale;
        }
        if (wantQ) {
          gradients.queries().read(i, dQuery, 0);
          addRows(ds, keyRows, n, dQuery);
          gradients.queries().write(i, dQuery, 0);
        }
        if (wantK) {
          // By columns: loops over many keys are the ones that pay.
          for (int d = 0; d < headSize; d++) {
            axpy(query[d], ds, n, dKeys, d * block);
            axpy(dOut[d], p, n, dValues, d * block);
          }
        }
      }
      if (wantK) {
        addTo(gradients.keys(), from, (int) positions.count(), dKeys, block, row);
        addTo(gradients.values(), from, (int) positions.count(), dValues, block, row);
      }
    }
  }

  private static void packRows(HeadRows rows, long from, int count, float[] packed) {
    for (int j = 0; j < count; j++) {
      rows.read(from + j, packed, j * rows.headSize());
    }
  }

  /// d-major: element d of row j at `d block + j`, so that a score loop runs over neighbouring keys.
  private static void packColumns(HeadRows rows, long from, int count, float[] packed, int block) {
    float[] row = new float[rows.headSize()];
    for (int j = 0; j < count; j++) {
      rows.read(from + j, row, 0);
      for (int d = 0; d < row.length; d++) {
        packed[d * block + j] = row[d];
      }
    }
  }

  /// products[j] = sum_d a[d] columns[d][j], for j < n. Four dims a pass: the sums are loaded and stored a quarter as often.
  private static void columnProducts(float[] a, float[] columns, int block, int n, float[] products) {
    Arrays.fill(products, 0, n, 0);
    int d = 0;
    for (; d + 4 <= a.length; d += 4) {
      addColumns(a[d], a[d + 1], a[d + 2], a[d + 3], columns, d * block, block, n, products);
    }
    for (; d < a.length; d++) {
      addColumn(a[d], columns, d * block, n, products);
    }
  }

  private static void addColumns(
      float a0, float a1, float a2, float a3, float[] columns, int at, int block, int n, float[] products) {
    int at1 = at + block;
    int at2 = at1 + block;
    int at3 = at2 + block;
    for (int j = 0; j < n; j++) {
      products[j] += a0 * columns[at + j] + a1 * columns[at1 + j] + a2 * columns[at2 + j] + a3 * columns[at3 + j];
    }
  }

  private static void addColumn(float a, float[] columns, int at, int n, float[] products) {
    for (int j = 0; j < n; j++) {
      products[j] += a * columns[at + j];
    }
  }

  /// sum[d] += sum_j weights[j] rows[j][d], for j < n.
  private static void addRows(float[] weights, float[] rows, int n, float[] sum) {
    int j = 0;
    int width = sum.length;
    for (; j + 4 <= n; j += 4) {
      addRows(weights[j], weights[j + 1], weights[j + 2], weights[j + 3], rows, j * width, sum);
    }
    for (; j < n; j++) {
      addRow(weights[j], rows, j * width, sum);
    }
  }

  private static void addRows(float a0, float a1, float a2, float a3, float[] rows, int at, float[] sum) {
    int at1 = at + sum.length;
    int at2 = at1 + sum.length;
    int at3 = at2 + sum.length;
    for (int d = 0; d < sum.length; d++) {
      sum[d] += a0 * rows[at + d] + a1 * rows[at1 + d] + a2 * rows[at2 + d] + a3 * rows[at3 + d];
    }
  }

  private static void addRow(float a, float[] rows, int at, float[] sum) {
    for (int d = 0; d < sum.length; d++) {
      sum[d] += a * rows[at + d];
    }
  }

  /// y[at + j] += a x[j], for j < n.
  private static void axpy(float a, float[] x, int n, float[] y, int at) {
    for (int j = 0; j < n; j++) {
      y[at + j] += a * x[j];
    }
  }

  private static void scale(float[] x, int n, float factor) {
    for (int j = 0; j < n; j++) {
      x[j] *= factor;
    }
  }

  /// Four maxima side by side: one alone waits for itself.
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

  /// x[j] = exp(factor x[j] - shift), for j < n; the arithmetic of [VectorLoops], 0 below 2^-127.
  private static void exponentials(float[] x, int n, float factor, double shift) {
    for (int j = 0; j < n; j++) {
      float y = Math.max((float) (x[j] * factor - shift) * VectorLoops.LOG2E, -127f);
      float t = y + VectorLoops.ROUND;
      float f = y - (t - VectorLoops.ROUND);
      float e = ((((VectorLoops.EXP5 * f + VectorLoops.EXP4) * f + VectorLoops.EXP3) * f + VectorLoops.EXP2) * f + VectorLoops.EXP1) * f + 1f;
      x[j] = Float.intBitsToFloat(Float.floatToRawIntBits(e) + (Float.floatToRawIntBits(t) << 23));
    }
  }

  private static void addTo(HeadRows rows, long from, int count, float[] columns, int block, float[] row) {
    for (int j = 0; j < count; j++) {
      rows.read(from + j, row, 0);
      for (int d = 0; d < row.length; d++) {
        row[d] += columns[d * block + j];
      }
      rows.write(from + j, row, 0);
    }
  }
}
