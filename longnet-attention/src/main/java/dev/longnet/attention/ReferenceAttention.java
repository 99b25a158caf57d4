// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// The oracle: it computes attention in float64 by its literal definition, in O(N²) for every
/// branch and head. It shares no geometry and no arithmetic with [DilatedAttention], so that tests
/// can judge that and other implementations by it.
public final class ReferenceAttention {
  private final Membership membership;

  private ReferenceAttention(Membership membership) {
    this.membership = membership;
  }

  /// Values of one forward pass, in [B, N, H, D] and [B, H, N] order.
  public record Forward(double[] out, double[] lse) {}

  /// Gradients, in [B, N, H, D] order.
  public record Backward(double[] gradQ, double[] gradK, double[] gradV) {}

  /// Whether, in branch i, head j's query p attends to key p'.
  private interface Membership {
    int branches();

    boolean attends(int branch, int head, int heads, long query, long key);
  }

  /// Position p, with g = floor((p + shift) / w) and l = (p + shift) mod w, is kept iff l mod r =
  /// s_ij. A branch that sees the segment before its own counts as two: own segments, then the
  /// segments before.
  public static ReferenceAttention of(DilatedAttentionSpec spec) {
    record Part(Branch branch, long back) {}
    List<Part> parts = new ArrayList<>();
    for (Branch branch : spec.segments()) {
      parts.add(new Part(branch, 0));
      if (branch.window() != Branch.Window.SEGMENT) {
        parts.add(new Part(branch, 1));
      }
    }
    return new ReferenceAttention(
        new Membership() {
          @Override
          public int branches() {
            return parts.size();
          }

          @Override
          public boolean attends(int branch, int head, int heads, long query, long key) {
            Part part = parts.get(branch);
            Branch b = part.branch;
            long w = b.segmentLength();
            return (!spec.causal() || key <= query)
                && (query + b.shift()) / w - (key + b.shift()) / w == part.back
                && (b.window() != Branch.Window.SLIDING || query - key < w)
                && (b.heads().isEmpty() || b.heads().contains(head))
                && kept(b, head, heads, key)
                && (b.dilate() == Branch.Dilate.KEYS || kept(b, head, heads, query));
          }

          private boolean kept(Branch b, int head, int heads, long position) {
            int place = b.heads().isEmpty() ? head : b.heads().indexOf(head);
            int of = b.heads().isEmpty() ? heads : b.heads().size();
            long offset =
                switch (spec.headOffsets()) {
                  case INTERLEAVED -> place % b.dilation();
                  case BLOCKED -> place / ((of + b.dilation() - 1) / b.dilation());
                };
            return (position + b.shift()) % b.segmentLength() % b.dilation() == offset;
          }
        });
  }

  /// One softmax over the own block and the columns of earlier blocks: a single branch.
  public static ReferenceAttention of(SparseAttentionSpec spec) {
    return new ReferenceAttention(
        new Membership() {
          @Override
          public int branches() {
            return 1;
          }

          @Override
          public boolean attends(int branch, int head, int heads, long query, long key) {
            long stride = spec.blockLength() / spec.columns();
            long queryBlock = query / spec.blockLength();
            long keyBlock = key / spec.blockLength();
            if (keyBlock == queryBlock) {
              return !spec.causal() || key <= query;
            }
            long local = key % spec.blockLength();
            return keyBlock < queryBlock
                && local % stride == head % stride
                && local / stride < spec.columns();
          }
        });
  }

  /// out and lse of q, k, v: [B, N, H, D].
  public Forward forward(AttentionTensor q, AttentionTensor k, AttentionTensor v) {
    Mix mix = new Mix(new Qkv(q, k, v));
    return new Forward(mix.out, mix.lse);
  }

  /// The gradients of sum(out gradOut).
  public Backward backward(
      AttentionTensor q,
      AttentionTensor k,
      AttentionTensor v,
      AttentionTensor gradOut,
      GradientMode mode) {
    Checks.sameShape(q, "gradOut", gradOut);
    return new Mix(new Qkv(q, k, v)).backward(gradOut, mode);
  }

  private static double[] values(AttentionTensor tensor) {
    double[] values =
        new double
            [Math.toIntExact(
                tensor.batch() * tensor.tokens() * tensor.heads() * tensor.headSize())];
    int at = 0;
    for (long b = 0; b < tensor.batch(); b++) {
      for (long n = 0; n < tensor.tokens(); n++) {
        for (int h = 0; h < tensor.heads(); h++) {
          HeadRows row = tensor.rows(b, h, new Rows(n, 1, 1));
          for (int d = 0; d < tensor.headSize(); d++) {
            values[at++] = row.get(0, d);
          }
        }
      }
    }
    return values;
  }

  /// One forward pass with what its backward pass needs.
  private final class Mix {
    final int batch;
    final int tokens;
    final int heads;
    final int size;
    final double[] q;
    final double[] k;
    final double[] v;
    final double[] out;
    final double[] lse;

    Mix(Qkv inputs) {
      AttentionTensor q = inputs.q();
      this.batch = (int) q.batch();
      this.tokens = (int) q.tokens();
      this.heads = q.heads();
      this.size = q.headSize();
      this.q = values(q);
      this.k = values(inputs.k());
      this.v = values(inputs.v());
      this.out = new double[this.q.length];
      this.lse = new double[batch * heads * tokens];
      for (int b = 0; b < batch; b++) {
        for (int h = 0; h < heads; h++) {
          for (int p = 0; p < tokens; p++) {
            query(b, h, p);
          }
        }
      }
    }

    int row(int b, int p, int h) {
      return ((b * tokens + p) * heads + h) * size;
    }

    /// The keys a query attends to in one branch, and their scores.
    record Seen(int[] keys, double[] scores) {
      /// log sum exp of the scores.
      double norm() {
        double max = Arrays.stream(scores).max().orElse(Double.NEGATIVE_INFINITY);
        if (max == Double.NEGATIVE_INFINITY) {
          return max;
        }
        double sum = 0;
        for (double score : scores) {
          sum += Math.exp(score - max);
        }
        return max + Math.log(sum);
      }
    }

    Seen seen(int b, int h, int p, int branch) {
      int[] keys =
          IntStream.range(0, tokens)
              .filter(key -> membership.attends(branch, h, heads, p, key))
              .toArray();
      double[] scores =
          Arrays.stream(keys)
              .mapToDouble(key -> dot(q, row(b, p, h), k, row(b, key, h)) / Math.sqrt(size))
              .toArray();
      return new Seen(keys, scores);
    }

    void query(int b, int h, int p) {
      Seen[] branches = new Seen[membership.branches()];
      Arrays.setAll(branches, i -> seen(b, h, p, i));
      double norm =
          new Seen(
                  new int[0],
                  Arrays.stream(branches).flatMapToDouble(s -> Arrays.stream(s.scores)).toArray())
              .norm();
      lse[(b * heads + h) * tokens + p] = norm;
      for (Seen seen : branches) {
        for (int i = 0; i < seen.keys.length; i++) {
          add(Math.exp(seen.scores[i] - norm), v, row(b, seen.keys[i], h), out, row(b, p, h));
        }
      }
    }

    Backward backward(AttentionTensor gradient, GradientMode mode) {
      double[] gradOut = values(gradient);
      Backward result =
          new Backward(new double[q.length], new double[q.length], new double[q.length]);
      for (int b = 0; b < batch; b++) {
        for (int h = 0; h < heads; h++) {
          for (int p = 0; p < tokens; p++) {
            for (int i = 0; i < membership.branches(); i++) {
              backward(b, h, p, i, gradOut, mode, result);
            }
          }
        }
      }
      return result;
    }

    /// dS = P (dO·v - delta) with P of the joint softmax; delta is dO·O, or dO·o_i when alpha_i is
    /// a constant.
    private void backward(
        int b, int h, int p, int branch, double[] gradOut, GradientMode mode, Backward result) {
      int at = row(b, p, h);
      double joint = lse[(b * heads + h) * tokens + p];
      Seen seen = seen(b, h, p, branch);
      double delta =
          switch (mode) {
            case EXACT -> dot(gradOut, at, out, at);
            case DETACHED_WEIGHTS -> {
              double own = seen.norm();
              double sum = 0;
              for (int i = 0; i < seen.keys.length; i++) {
                sum +=
                    Math.exp(seen.scores[i] - own) * dot(gradOut, at, v, row(b, seen.keys[i], h));
              }
              yield sum;
            }
          };
      for (int i = 0; i < seen.keys.length; i++) {
        int keyAt = row(b, seen.keys[i], h);
        double weight = Math.exp(seen.scores[i] - joint);
        double ds = weight * (dot(gradOut, at, v, keyAt) - delta) / Math.sqrt(size);
        add(weight, gradOut, at, result.gradV, keyAt);
        add(ds, k, keyAt, result.gradQ, at);
        add(ds, q, at, result.gradK, keyAt);
      }
    }

    private double dot(double[] a, int aAt, double[] b, int bAt) {
      double sum = 0;
      for (int d = 0; d < size; d++) {
        sum += a[aAt + d] * b[bAt + d];
      }
      return sum;
    }

    private void add(double weight, double[] x, int xAt, double[] y, int yAt) {
      for (int d = 0; d < size; d++) {
        y[yAt + d] += weight * x[xAt + d];
      }
    }
  }
}
