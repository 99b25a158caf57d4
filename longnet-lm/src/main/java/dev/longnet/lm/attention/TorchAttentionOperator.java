// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Workers;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.Scopes;
import dev.longnet.lm.torch.Tensors;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Any attention pattern in libtorch's flash kernels, on the CPU or a GPU: the rows of a branch are
/// strided views, so nothing is gathered, scattered or padded. Forward mixes the folds' outputs by
/// their softmax denominators; backward gives every fold the joint output and the joint
/// denominator, from which the kernel computes the joint delta (longnet's exact gradient).
///
/// Accumulators are float32. Any number of threads may call one instance at once.
public final class TorchAttentionOperator implements AttentionOperator {
  private final AttentionPattern pattern;
  private final GradientMode gradients;
  private final Function<Tensor, FlashKernel> kernels;

  /// Of libtorch's operations on the CPU; 0: as many as the caller's.
  private final int threads;

  private volatile Plan plan = new Plan(0, 0, List.of());

  /// Groups by branch, for the last shape seen: a model calls with one shape.
  private record Plan(long heads, long tokens, List<List<FoldGroup>> branches) {}

  public TorchAttentionOperator(AttentionPattern pattern, GradientMode gradients) {
    this(pattern, gradients, FlashKernel::of, 0);
  }

  /// @param kernels the kernel for tensors like this one
  TorchAttentionOperator(
      AttentionPattern pattern, GradientMode gradients, Function<Tensor, FlashKernel> kernels) {
    this(pattern, gradients, kernels, 0);
  }

  private TorchAttentionOperator(
      AttentionPattern pattern,
      GradientMode gradients,
      Function<Tensor, FlashKernel> kernels,
      int threads) {
    Torch.load();
    this.threads = threads;
    this.pattern = pattern;
    this.gradients = gradients;
    this.kernels = kernels;
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    AttentionInputs.check(q, "k", k, "v", v);
    try (TorchThreads _ = open()) {
      Tensor[] results =
          Scopes.tensors(() -> {
            Call call = new Call(kernels.apply(q), q, k, v);
            Mix mix = Mix.nothing(q);
            plan(q).forEach(branch -> branch.forEach(group -> call.forward(group, mix)));
            return new Tensor[] {mix.out.to(q.scalar_type()), mix.lse};
          });
      return new Output(results[0], results[1]);
    }
  }

  private TorchThreads open() {
    return Torch.threads(threads == 0 ? Torch.threads() : threads);
  }

  @Override
  public AttentionOperator over(Span span) {
    span.requireWholeSegments(pattern.period());
    return this;
  }

  /// Its operations share their work among threads of libtorch's, as many as the model has.
  @Override
  public AttentionOperator on(Workers workers) {
    return new TorchAttentionOperator(pattern, gradients, kernels, workers.size());
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    try (TorchThreads _ = open()) {
      return gradients(q, k, v, output, gradOut);
    }
  }

  private Gradients gradients(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    Tensor[] results =
        Scopes.tensors(() -> {
          Tensor rows = AttentionInputs.rows(gradOut);
          AttentionInputs.check(q, "k", k, "v", v, "out", output.out(), "gradOut", rows);
          Call call = new Call(kernels.apply(q), q, k, v);
          Tensor dO = call.cast(rows);
          Tensor joint = call.cast(output.out());
          Tensor[] sums = new Tensor[3];
          for (int i = 0; i < 3; i++) {
            sums[i] = Tensors.full(ScalarType.Float, q, 0, AttentionInputs.shape(q));
          }
          for (List<FoldGroup> branch : plan(q)) {
            Tensor out =
                switch (gradients) {
                  case EXACT -> joint;
                  // alpha_i held constant: delta_i comes from the branch's own output.
                  case DETACHED_WEIGHTS -> {
                    Mix own = Mix.nothing(q);
                    branch.forEach(group -> call.forward(group, own));
                    yield call.cast(own.out);
                  }
                };
            branch.forEach(group -> call.backward(group, dO, out, output.lse(), sums));
          }
          return new Tensor[] {
            sums[0].to(q.scalar_type()), sums[1].to(k.scalar_type()), sums[2].to(v.scalar_type())
          };
        });
    return new Gradients(results[0], results[1], results[2]);
  }

  @Override
  public String describe() {
    return "libtorch: flash kernels, " + Torch.threads() + " CPU threads";
  }

  private List<List<FoldGroup>> plan(Tensor q) {
    Plan current = plan;
    if (current.heads != q.size(2) || current.tokens != q.size(1)) {
      current =
          new Plan(
              q.size(2), q.size(1), FoldGroup.of(pattern, Math.toIntExact(q.size(2)), q.size(1)));
      plan = current;
    }
    return current.branches;
  }

  /// What the folds so far add up to.
  ///
  /// @param out [B, N, H, D] float32, 0 where no fold came yet
  /// @param lse [B, H, N] float32, -inf there
  private record Mix(Tensor out, Tensor lse) {
    static Mix nothing(Tensor q) {
      return new Mix(
          Tensors.full(ScalarType.Float, q, 0, AttentionInputs.shape(q)),
          Tensors.full(
              ScalarType.Float, q, Double.NEGATIVE_INFINITY, q.size(0), q.size(2), q.size(1)));
    }
  }

  /// One call's inputs in the kernel's type.
  private record Call(FlashKernel kernel, Tensor q, Tensor k, Tensor v, ScalarType type) {
    Call(FlashKernel kernel, Tensor q, Tensor k, Tensor v) {
      ScalarType type = kernel.computeType(AttentionInputs.type(q));
      this(kernel, cast(q, type), cast(k, type), cast(v, type), type);
    }

    private static Tensor cast(Tensor tensor, ScalarType type) {
      return AttentionInputs.type(tensor) == type ? tensor : tensor.to(type);
    }

    Tensor cast(Tensor tensor) {
      return cast(tensor, type);
    }

    /// Views of one segment show all sequences of a batch at once; views of several segments one
    /// sequence.
    private long parts(FoldGroup group) {
      return group.segments() == 1 ? Math.min(1, q.size(0)) : q.size(0);
    }

    void forward(FoldGroup group, Mix mix) {
      for (long part = 0; part < parts(group); part++) {
        long sequence = part;
        Scopes.tensors(() -> {
          Tensor[] own =
              turned(
                  group,
                  kernel.forward(
                      inOrder(group, rows(q, group, group.queries(), sequence)),
                      inOrder(group, rows(k, group, group.keys(), sequence)),
                      inOrder(group, rows(v, group, group.keys(), sequence)),
                      group.causal()));
          Tensor out = rows(mix.out, group, group.queries(), sequence);
          Tensor lse = norms(mix.lse, group, sequence);
          if (group.first()) {
            out.copy_(own[0]);
            lse.copy_(own[1]);
          } else {
            // Online softmax: alpha = exp(lse_i - lse), for what is there and for what comes.
            Tensor both = torch.logaddexp(lse, own[1]);
            out.mul_(lse.sub(both).exp_().unsqueeze(3))
                .addcmul_(own[0], own[1].sub(both).exp_().unsqueeze(3));
            lse.copy_(both);
          }
          return new Tensor[0];
        });
      }
    }

    void backward(FoldGroup group, Tensor gradOut, Tensor out, Tensor lse, Tensor[] sums) {
      for (long part = 0; part < parts(group); part++) {
        long sequence = part;
        Scopes.tensors(() -> {
          Tensor[] own =
              turned(
                  group,
                  kernel.backward(
                      inOrder(group, rows(gradOut, group, group.queries(), sequence)),
                      inOrder(group, rows(q, group, group.queries(), sequence)),
                      inOrder(group, rows(k, group, group.keys(), sequence)),
                      inOrder(group, rows(v, group, group.keys(), sequence)),
                      inOrder(group, rows(out, group, group.queries(), sequence)),
                      inOrder(group, norms(lse, group, sequence)),
                      group.causal()));
          rows(sums[0], group, group.queries(), sequence).add_(own[0]);
          rows(sums[1], group, group.keys(), sequence).add_(own[1]);
          rows(sums[2], group, group.keys(), sequence).add_(own[2]);
          return new Tensor[0];
        });
      }
    }

    /// Rows in the order that a causal kernel takes for that of time.
    private static Tensor inOrder(FoldGroup group, Tensor rows) {
      return group.backwards() ? rows.flip(2) : rows;
    }

    private static Tensor[] turned(FoldGroup group, Tensor[] results) {
      return Arrays.stream(results).map(rows -> inOrder(group, rows)).toArray(Tensor[]::new);
    }

    /// A view [sequences or segments, heads, rows, D] of a [B, N, H, D] tensor.
    private static Tensor rows(Tensor t, FoldGroup group, FoldGroup.View view, long sequence) {
      boolean batch = group.segments() == 1;
      long[] sizes = {batch ? t.size(0) : group.segments(), group.heads(), view.count(), t.size(3)};
      long[] strides = {
        batch ? t.stride(0) : view.perSegment() * t.stride(1),
        view.perHead() * t.stride(1) + t.stride(2),
        view.stride() * t.stride(1),
        1
      };
      long offset =
          t.storage_offset()
              + sequence * t.stride(0)
              + view.first() * t.stride(1)
              + group.firstHead() * t.stride(2);
      return t.as_strided(sizes, strides, new LongOptional(offset));
    }

    /// A view [sequences or segments, heads, queries] of lse [B, H, N].
    private static Tensor norms(Tensor lse, FoldGroup group, long sequence) {
      FoldGroup.View view = group.queries();
      boolean batch = group.segments() == 1;
      long[] sizes = {batch ? lse.size(0) : group.segments(), group.heads(), view.count()};
      long[] strides = {
        batch ? lse.stride(0) : view.perSegment() * lse.stride(2),
        view.perHead() * lse.stride(2) + lse.stride(1),
        view.stride() * lse.stride(2)
      };
      long offset =
          lse.storage_offset()
              + sequence * lse.stride(0)
              + view.first() * lse.stride(2)
              + group.firstHead() * lse.stride(1);
      return lse.as_strided(sizes, strides, new LongOptional(offset));
    }
  }
}
