package dev.longnet.attention;

/// The oracle: attention in float64 by its literal definition, O(N²) for every branch and head, sharing no geometry and no
/// arithmetic with the operator. For tests and for judging other implementations; use [DilatedAttention] to compute.
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

  /// design: l = p mod w, kept iff l mod r = s_ij.
  public static ReferenceAttention of(DilatedAttentionSpec spec) {
    return new ReferenceAttention(new Membership() {
      @Override
      public int branches() {
        return spec.segments().size();
      }

      @Override
      public boolean attends(int branch, int head, int heads, long query, long key) {
        Branch b = spec.segments().get(branch);
        return query / b.segmentLength() == key / b.segmentLength() && kept(b, head, heads, query)
            && kept(b, head, heads, key) && (!spec.causal() || key <= query);
      }

      private boolean kept(Branch b, int head, int heads, long position) {
        long offset = switch (spec.headOffsets()) {
          case INTERLEAVED -> head % b.dilation();
          case BLOCKED -> head / ((heads + b.dilation() - 1) / b.dilation());
        };
        return position % b.segmentLength() % b.dilation() == offset;
      }
    });
  }

  /// One softmax over the own block and the columns of earlier blocks: a single branch.
  public static ReferenceAttention of(SparseAttentionSpec spec) {
    return new ReferenceAttention(new Membership() {
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
        return keyBlock < queryBlock && local % stride == head % stride && local / stride < spec.columns();
      }
    });
  }

  /// out and lse of q, k, v: [B, N, H, D].
  public Forward forward(AttentionTensor q, AttentionTensor k, AttentionTensor v) {
    Checks.sameShape(q, "k", k, "v", v);
    Mix mix = new Mix(q, k, v);
    return new Forward(mix.out, mix.lse);
  }

  /// The gradients of sum(out gradOut).
  public Backward backward(
      AttentionTensor q, AttentionTensor k, AttentionTensor v, AttentionTensor gradOut, GradientMode mode) {
    Checks.sameShape(q, "k", k, "v", v, "gradOut", gradOut);
    return new Mix(q, k, v).backward(gradOut, mode);
  }

  private static double[] values(AttentionTensor tensor) {
    double[] values = new double[Math.toIntExact(tensor.batch() * tensor.tokens() * tensor.heads() * tensor.headSize())];
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

    Mix(AttentionTensor q, AttentionTensor k, AttentionTensor v) {
      this.batch = (int) q.batch();
      this.tokens = (int) q.tokens();
      this.heads = q.heads();
      this.size = q.headSize();
      this.q = values(q);
      this.k = values(k);
      this.v = values(v);
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

    double score(int b, int h, int p, int key) {
      return dot(q, row(b, p, h), k, row(b, key, h)) / Math.sqrt(size);
    }

    /// lse of the query over the keys of branches [from, to).
    double norm(int b, int h, int p, int from, int to) {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = from; i < to; i++) {
        for (int key = 0; key < tokens; key++) {
          if (membership.attends(i, h, heads, p, key)) {
            max = Math.max(max, score(b, h, p, key));
          }
        }
      }
      if (max == Double.NEGATIVE_INFINITY) {
        return max;
      }
      double sum = 0;
      for (int i = from; i < to; i++) {
        for (int key = 0; key < tokens; key++) {
          if (membership.attends(i, h, heads, p, key)) {
            sum += Math.exp(score(b, h, p, key) - max);
          }
        }
      }
      return max + Math.log(sum);
    }

    void query(int b, int h, int p) {
      double norm = norm(b, h, p, 0, membership.branches());
      lse[(b * heads + h) * tokens + p] = norm;
      for (int i = 0; i < membership.branches(); i++) {
        for (int key = 0; key < tokens; key++) {
          if (membership.attends(i, h, heads, p, key)) {
            add(Math.exp(score(b, h, p, key) - norm), v, row(b, key, h), out, row(b, p, h));
          }
        }
      }
    }

    Backward backward(AttentionTensor gradient, GradientMode mode) {
      double[] gradOut = values(gradient);
      Backward result = new Backward(new double[q.length], new double[q.length], new double[q.length]);
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

    /// dS = P (dO·v - delta) with P of the joint softmax; delta is dO·O, or dO·o_i when alpha_i is a constant.
    private void backward(int b, int h, int p, int branch, double[] gradOut, GradientMode mode, Backward result) {
      int at = row(b, p, h);
      double joint = lse[(b * heads + h) * tokens + p];
      double delta = switch (mode) {
        case EXACT -> dot(gradOut, at, out, at);
        case DETACHED_WEIGHTS -> {
          double own = norm(b, h, p, branch, branch + 1);
          double sum = 0;
          for (int key = 0; key < tokens; key++) {
            if (membership.attends(branch, h, heads, p, key)) {
              sum += Math.exp(score(b, h, p, key) - own) * dot(gradOut, at, v, row(b, key, h));
            }
          }
          yield sum;
        }
      };
      for (int key = 0; key < tokens; key++) {
        if (membership.attends(branch, h, heads, p, key)) {
          int keyAt = row(b, key, h);
          double weight = Math.exp(score(b, h, p, key) - joint);
          double ds = weight * (dot(gradOut, at, v, keyAt) - delta) / Math.sqrt(size);
          add(weight, gradOut, at, result.gradV, keyAt);
          add(ds, k, keyAt, result.gradQ, at);
          add(ds, q, at, result.gradK, keyAt);
        }
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
