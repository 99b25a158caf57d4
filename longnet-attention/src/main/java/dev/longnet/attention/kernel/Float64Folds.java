// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.util.Arrays;

/// The primitive on float64 rows: one plain loop after another. It serves proofs, where rounding
/// must not hide that a key is missing or counts twice.
final class Float64Folds {
  private Float64Folds() {}

  static void fold(
      HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    double[][] keys = rows(k);
    double[][] values = rows(v);
    double[] query = new double[q.headSize()];
    double[] output = new double[q.headSize()];
    double[] weights = new double[keys.length];
    double scale = 1 / Math.sqrt(q.headSize());
    for (long i = 0; i < q.count(); i++) {
      FoldChecks.stopIfInterrupted();
      int seen = seen(k.positions(), q, i, causal);
      if (seen == 0) {
        continue;
      }
      q.read(i, query);
      double before = lse.get(i);
      double top = before;
      for (int j = 0; j < seen; j++) {
        weights[j] = dot(query, keys[j]) * scale;
        top = Math.max(top, weights[j]);
      }
      double past = Math.exp(before - top);
      if (past == 0) {
        Arrays.fill(output, 0);
      } else {
        out.read(i, output);
      }
      double sum = past;
      for (int d = 0; d < output.length; d++) {
        output[d] *= past;
      }
      for (int j = 0; j < seen; j++) {
        double weight = Math.exp(weights[j] - top);
        sum += weight;
        add(weight, values[j], output);
      }
      for (int d = 0; d < output.length; d++) {
        output[d] /= sum;
      }
      out.write(i, output);
      lse.set(i, top + Math.log(sum));
    }
  }

  @SuppressWarnings("NullAway") // wantQ and wantK say which gradients there are
  static void foldBackward(
      HeadRows q,
      HeadRows k,
      HeadRows v,
      boolean causal,
      HeadRows gradOut,
      RowScalars lse,
      RowScalars delta,
      FoldGradients gradients) {
    boolean wantQ = gradients.queries() != null;
    boolean wantK = gradients.keys() != null;
    double[][] keys = rows(k);
    double[][] values = rows(v);
    double[][] gradKeys = wantK ? rows(gradients.keys()) : new double[0][];
    double[][] gradValues = wantK ? rows(gradients.values()) : new double[0][];
    double[] query = new double[q.headSize()];
    double[] gradient = new double[q.headSize()];
    double[] gradQuery = new double[q.headSize()];
    double scale = 1 / Math.sqrt(q.headSize());
    for (long i = 0; i < q.count(); i++) {
      FoldChecks.stopIfInterrupted();
      int seen = seen(k.positions(), q, i, causal);
      double norm = lse.get(i);
      if (seen == 0 || norm == Double.NEGATIVE_INFINITY) {
        continue;
      }
      q.read(i, query);
      gradOut.read(i, gradient);
      if (wantQ) {
        gradients.queries().read(i, gradQuery);
      }
      for (int j = 0; j < seen; j++) {
        double p = Math.exp(dot(query, keys[j]) * scale - norm);
        double ds = p * (dot(gradient, values[j]) - delta.get(i)) * scale;
        if (wantQ) {
          add(ds, keys[j], gradQuery);
        }
        if (wantK) {
          add(ds, query, gradKeys[j]);
          add(p, gradient, gradValues[j]);
        }
      }
      if (wantQ) {
        gradients.queries().write(i, gradQuery);
      }
    }
    for (int j = 0; j < gradKeys.length; j++) {
      gradients.keys().write(j, gradKeys[j]);
      gradients.values().write(j, gradValues[j]);
    }
  }

  /// How many of the keys query `i` sees.
  private static int seen(Rows keys, HeadRows q, long i, boolean causal) {
    return (int) (causal ? keys.countUpTo(q.positions().position(i)) : keys.count());
  }

  private static double[][] rows(HeadRows rows) {
    double[][] all = new double[Math.toIntExact(rows.count())][rows.headSize()];
    for (int i = 0; i < all.length; i++) {
      rows.read(i, all[i]);
    }
    return all;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int d = 0; d < a.length; d++) {
      sum += a[d] * b[d];
    }
    return sum;
  }

  private static void add(double weight, double[] x, double[] sum) {
    for (int d = 0; d < x.length; d++) {
      sum[d] += weight * x[d];
    }
  }
}
