// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Attention as one writes it first, in float32, branch by branch: the yardstick for the operator's
/// rounding errors.
final class PlainAttention {
  private final AttentionPattern pattern;
  private final int batch;
  private final int tokens;
  private final int heads;
  private final int size;
  private final float[] q;
  private final float[] k;
  private final float[] v;
  final float[] out;
  final float[] lse;
  float[] gradQ;
  float[] gradK;
  float[] gradV;

  PlainAttention(
      AttentionPattern pattern, AttentionTensor q, AttentionTensor k, AttentionTensor v) {
    this.pattern = pattern;
    this.batch = (int) q.batch();
    this.tokens = (int) q.tokens();
    this.heads = q.heads();
    this.size = q.headSize();
    this.q = floats(q);
    this.k = floats(k);
    this.v = floats(v);
    this.out = new float[this.q.length];
    this.lse = new float[batch * heads * tokens];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int p = 0; p < tokens; p++) {
          query(b, h, p);
        }
      }
    }
  }

  /// Rounds the output to bfloat16, as a plain path in that type would hand it on.
  PlainAttention rounded(ElementType type) {
    if (type == ElementType.BFLOAT16) {
      round(out);
    }
    return this;
  }

  void backward(AttentionTensor gradient, GradientMode mode, ElementType type) {
    float[] gradOut = floats(gradient);
    gradQ = new float[q.length];
    gradK = new float[q.length];
    gradV = new float[q.length];
    float scale = (float) (1 / Math.sqrt(size));
    float[] own = new float[q.length];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int p = 0; p < tokens; p++) {
          int at = row(b, p, h);
          for (int[] branch : keys(h, p)) {
            float delta;
            if (mode == GradientMode.EXACT) {
              delta = dot(gradOut, at, out, at);
            } else {
              Arrays.fill(own, at, at + size, 0);
              mix(b, h, p, branch, own, at);
              delta = dot(gradOut, at, own, at);
            }
            for (int key : branch) {
              int keyAt = row(b, key, h);
              float weight =
                  (float)
                      Math.exp(dot(q, at, k, keyAt) * scale - lse[(b * heads + h) * tokens + p]);
              float ds = weight * (dot(gradOut, at, v, keyAt) - delta) * scale;
              add(weight, gradOut, at, gradV, keyAt);
              add(ds, k, keyAt, gradQ, at);
              add(ds, q, at, gradK, keyAt);
            }
          }
        }
      }
    }
    if (type == ElementType.BFLOAT16) {
      round(gradQ);
      round(gradK);
      round(gradV);
    }
  }

  /// One softmax per branch, then their outputs mixed by the branches' shares of the joint
  /// denominator.
  private void query(int b, int h, int p) {
    List<int[]> branches = keys(h, p);
    float[][] outs = new float[branches.size()][size];
    float[] norms = new float[branches.size()];
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < norms.length; i++) {
      norms[i] = mix(b, h, p, branches.get(i), outs[i], 0);
      max = Math.max(max, norms[i]);
    }
    float sum = 0;
    for (float norm : norms) {
      sum += max == Float.NEGATIVE_INFINITY ? 0 : (float) Math.exp(norm - max);
    }
    lse[(b * heads + h) * tokens + p] = max + (float) Math.log(sum);
    for (int i = 0; i < norms.length && sum > 0; i++) {
      add((float) Math.exp(norms[i] - max) / sum, outs[i], 0, out, row(b, p, h));
    }
  }

  /// The keys of a head's query, per branch.
  private List<int[]> keys(int head, int query) {
    List<int[]> keys = new ArrayList<>();
    for (int i = 0; i < pattern.branches(); i++) {
      int[] found = new int[0];
      long end = pattern.endSegment(i, query + 1, tokens);
      for (long segment = pattern.firstSegment(i, query); segment < end; segment++) {
        Fold fold = pattern.fold(i, segment, head, heads, tokens);
        if (!fold.queries().within(query, query + 1).isEmpty()) {
          Rows seen = fold.seen(query, pattern.causal());
          found = new int[(int) seen.count()];
          Arrays.setAll(found, key -> (int) seen.position(key));
        }
      }
      keys.add(found);
    }
    return keys;
  }

  private float mix(int b, int h, int p, int[] keys, float[] to, int toAt) {
    if (keys.length == 0) {
      return Float.NEGATIVE_INFINITY;
    }
    float scale = (float) (1 / Math.sqrt(size));
    float[] scores = new float[keys.length];
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < scores.length; i++) {
      scores[i] = dot(q, row(b, p, h), k, row(b, keys[i], h)) * scale;
      max = Math.max(max, scores[i]);
    }
    float sum = 0;
    for (int i = 0; i < scores.length; i++) {
      scores[i] = (float) Math.exp(scores[i] - max);
      sum += scores[i];
    }
    for (int i = 0; i < scores.length; i++) {
      add(scores[i] / sum, v, row(b, keys[i], h), to, toAt);
    }
    return max + (float) Math.log(sum);
  }

  private int row(int b, int p, int h) {
    return ((b * tokens + p) * heads + h) * size;
  }

  private float dot(float[] a, int aAt, float[] b, int bAt) {
    float sum = 0;
    for (int d = 0; d < size; d++) {
      sum += a[aAt + d] * b[bAt + d];
    }
    return sum;
  }

  private void add(float weight, float[] x, int xAt, float[] y, int yAt) {
    for (int d = 0; d < size; d++) {
      y[yAt + d] += weight * x[xAt + d];
    }
  }

  private static void round(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = ElementType.fromBfloat16(ElementType.toBfloat16(values[i]));
    }
  }

  private static float[] floats(AttentionTensor tensor) {
    double[] values = TestTensors.values(tensor);
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }
}
