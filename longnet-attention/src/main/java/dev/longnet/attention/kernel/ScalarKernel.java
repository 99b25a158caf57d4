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
    float[][] keys = new float[headSize][block];
    float[][] values = new float[block][headSize];
    float[] scores = new float[block];
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
        int n = (int) (causal ? positions.countUpTo(q.positions().position(i)) : positions.count());
        q.read(i, query, 0);
        columnProducts(query, keys, n, scores);
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
        addRows(scores, values, n, headSize, output);
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
    float[][] keyRows = new float[wantQ ? block : 0][headSize];
    float[][] keys = new float[headSize][block];
    float[][] values = new float[headSize][block];
    float[][] dKeys = new float[wantK ? headSize : 0][block];
    float[][] dValues = new float[wantK ? headSize : 0][block];
    float[] p = new float[block];
    float[] ds = new float[block];
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
      for (long i = firstQuery; i < q.count(); i++) {
        FoldChecks.stopIfInterrupted();
        double norm = lse.get(i);
        if (norm == Double.NEGATIVE_INFINITY) {
          continue;
        }
        int n = (int) (causal ? positions.countUpTo(q.positions().position(i)) : positions.count());
        q.read(i, query, 0);
        gradOut.read(i, dOut, 0);
        columnProducts(query, keys, n, p);
        columnProducts(dOut, values, n, ds);
        float rowDelta = (float) delta.get(i);
        exponentials(p, n, scale, norm);
        for (int j = 0; j < n; j++) {
          ds[j] = p[j] * (ds[j] - rowDelta) * scale;
        }
        if (wantQ) {
          gradients.queries().read(i, dQuery, 0);
          addRows(ds, keyRows, n, headSize, dQuery);
          gradients.queries().write(i, dQuery, 0);
        }
        if (wantK) {
          // By columns: loops over many keys are the ones that pay.
          for (int d = 0; d < headSize; d++) {
            addRow(query[d], ds, n, dKeys[d]);
            addRow(dOut[d], p, n, dValues[d]);
          }
        }
      }
      if (wantK) {
        addTo(gradients.keys(), from, (int) positions.count(), dKeys, row);
        addTo(gradients.values(), from, (int) positions.count(), dValues, row);
      }
    }
  }

  private static void packRows(HeadRows rows, long from, int count, float[][] packed) {
    for (int j = 0; j < count; j++) {
      rows.read(from + j, packed[j], 0);
    }
  }

  /// d-major: element d of row j at `[d][j]`, so that a score loop runs over neighbouring keys.
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

  /// products[j] = sum_d a[d] columns[d][j], for j < n.
  private static void columnProducts(float[] a, float[][] columns, int n, float[] products) {
    Arrays.fill(products, 0, n, 0);
    addRows(a, columns, a.length, n, products);
  }

  /// sum[i] += sum_j weights[j] rows[j][i], for j < count and i < n. Four rows a pass: the sums are loaded and stored a quarter as often.
  private static void addRows(float[] weights, float[][] rows, int count, int n, float[] sum) {
    int j = 0;
    for (; j + 4 <= count; j += 4) {
      addRows(weights[j], rows[j], weights[j + 1], rows[j + 1], weights[j + 2], rows[j + 2], weights[j + 3], rows[j + 3], n, sum);
    }
    for (; j < count; j++) {
      addRow(weights[j], rows[j], n, sum);
    }
  }

  /// Every row an array of its own that starts at 0: the JIT's vectoriser gives up at one array read from several offsets.
  private static void addRows(float a, float[] x, float b, float[] y, float c, float[] z, float d, float[] w, int n, float[] sum) {
    for (int i = 0; i < n; i++) {
      sum[i] += a * x[i] + b * y[i] + c * z[i] + d * w[i];
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
