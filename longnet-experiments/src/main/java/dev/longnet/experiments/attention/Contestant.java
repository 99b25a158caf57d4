// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.lm.attention.JavaAttentionOperator;
import dev.longnet.lm.attention.TorchAttentionOperator;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.OneBlasThread;
import dev.longnet.lm.torch.Scopes;
import dev.longnet.lm.torch.Tensors;
import dev.longnet.lm.torch.Torch;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// One implementation in the benchmark.
interface Contestant {
  String USER = "dilated, PyTorch user";
  String TORCH = "longnet, libtorch kernel";
  String DENSE = "dense, libtorch";
  String AS_IT_COMES = ", as it comes";

  String name();

  AttentionPattern pattern();

  /// @return out, of the caller's scope or `x`'s
  Tensor forward(Inputs x);

  /// What has to be there before a backward pass; the caller's scope owns it.
  Backward prepare(Inputs x);

  /// Whether gradients hold the mixing weights constant.
  boolean detachedWeights();

  /// A backward pass that may run once; gives the gradients of q, k and v.
  interface Backward {
    Tensor[] run();
  }

  /// q, k, v and gradOut, each [B, N, H, D] and contiguous.
  ///
  /// @param output where our kernels put their results, the same memory in every call, as the
  ///   model's passes do
  /// @param gradients likewise
  record Inputs(
      Tensor q,
      Tensor k,
      Tensor v,
      @Nullable Tensor gradOut,
      AttentionOperator.Output output,
      AttentionOperator.Gradients gradients) {
    static final long SEED = 1;

    /// A problem of this size for `settings`' device, the same values in every process.
    ///
    /// @param gradOut whether there is one: the timed forward pass has none
    static Inputs random(
        BenchSettings settings, long tokens, int heads, int headSize, boolean gradOut) {
      torch.manual_seed(SEED);
      Tensor[] x = new Tensor[gradOut ? 4 : 3];
      for (int i = 0; i < x.length; i++) {
        x[i] =
            Scopes.tensor(() ->
                torch
                    .randn(settings.batch(), tokens, heads, headSize)
                    .to(new Device(settings.device()), settings.type()));
      }
      Tensor q = x[0];
      return new Inputs(
          q,
          x[1],
          x[2],
          gradOut ? x[3] : null,
          new AttentionOperator.Output(
              torch.empty_like(q),
              Tensors.empty(ScalarType.Float, q, q.size(0), q.size(2), q.size(1))),
          new AttentionOperator.Gradients(
              torch.empty_like(q), torch.empty_like(q), torch.empty_like(q)));
    }

    /// The inputs that are timed.
    static Inputs random(BenchSettings settings, long tokens) {
      return random(settings, tokens, settings.heads(), settings.headSize(), settings.backward());
    }
  }

  static Contestant java(DilatedAttentionSpec spec, AttentionOptions options) {
    return operator(
        AttentionBenchmark.OURS,
        spec,
        new JavaAttentionOperator(DilatedAttention.of(spec, options), GradientMode.EXACT));
  }

  static Contestant libtorch(DilatedAttentionSpec spec) {
    return operator(TORCH, spec, new TorchAttentionOperator(spec, GradientMode.EXACT));
  }

  /// @param oneBlasThread OpenBLAS held at one thread, else as it comes
  static Contestant pytorch(DilatedAttentionSpec spec, boolean oneBlasThread) {
    PyTorchDilated dilated = new PyTorchDilated(spec);
    return new Autograd(
        USER + suffix(oneBlasThread),
        spec,
        dilated::attend,
        oneBlasThread,
        spec.segments().size() > 1);
  }

  static Contestant dense(DilatedAttentionSpec dense, boolean oneBlasThread) {
    Attend attend =
        (q, k, v) ->
            torch
                .scaled_dot_product_attention(
                    q.transpose(1, 2),
                    k.transpose(1, 2),
                    v.transpose(1, 2),
                    new TensorOptional(),
                    0.0,
                    dense.causal(),
                    new DoubleOptional(),
                    false)
                .transpose(1, 2);
    return new Autograd(DENSE + suffix(oneBlasThread), dense, attend, oneBlasThread, false);
  }

  private static String suffix(boolean oneBlasThread) {
    return oneBlasThread ? ", one BLAS thread" : AS_IT_COMES;
  }

  private static Contestant operator(
      String name, AttentionPattern pattern, AttentionOperator operator) {
    return new Contestant() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public AttentionPattern pattern() {
        return pattern;
      }

      @Override
      public Tensor forward(Inputs x) {
        operator.forward(x.q, x.k, x.v, x.output);
        return x.output.out();
      }

      @Override
      public Backward prepare(Inputs x) {
        operator.forward(x.q, x.k, x.v, x.output);
        return () -> {
          operator.backward(
              x.q, x.k, x.v, x.output, Objects.requireNonNull(x.gradOut), x.gradients);
          return new Tensor[] {x.gradients.gradQ(), x.gradients.gradK(), x.gradients.gradV()};
        };
      }

      @Override
      public boolean detachedWeights() {
        return false;
      }
    };
  }

  /// [B, N, H, D] each.
  interface Attend {
    Tensor of(Tensor q, Tensor k, Tensor v);
  }

  /// An implementation that libtorch differentiates.
  record Autograd(
      String name,
      AttentionPattern pattern,
      Attend attend,
      boolean oneBlasThread,
      boolean detachedWeights)
      implements Contestant {
    @Override
    public Tensor forward(Inputs x) {
      return held(() -> Scopes.tensors(() -> new Tensor[] {attend.of(x.q, x.k, x.v)}))[0];
    }

    @Override
    public Backward prepare(Inputs x) {
      Tensor[] leaves = {x.q.detach(), x.k.detach(), x.v.detach()};
      for (Tensor leaf : leaves) {
        leaf.set_requires_grad(true);
      }
      boolean before = GradMode.is_enabled();
      GradMode.set_enabled(true);
      Tensor out;
      // Not timed: at the faster setting whatever is.
      try (OneBlasThread one = OneBlasThread.hold()) {
        out = attend.of(leaves[0], leaves[1], leaves[2]);
      }
      GradMode.set_enabled(before);
      return () ->
          held(() -> {
            try (BoolOptional none = new BoolOptional();
                TensorArrayRefOptional all = new TensorArrayRefOptional()) {
              out.backward(x.gradOut, none, false, all);
            }
            return new Tensor[] {leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
          });
    }

    private Tensor[] held(Backward call) {
      if (!oneBlasThread) {
        return call.run();
      }
      try (OneBlasThread one = OneBlasThread.hold()) {
        return call.run();
      }
    }
  }

  /// Runs once, in a scope of its own, and tells the seconds of the pass alone.
  default double time(Inputs x, boolean backward) {
    try (PointerScope scope = new PointerScope()) {
      if (!backward) {
        Torch.finish(x.q);
        long start = System.nanoTime();
        Torch.finish(forward(x));
        return (System.nanoTime() - start) / 1e9;
      }
      Backward pass = prepare(x);
      Torch.finish(x.q);
      long start = System.nanoTime();
      Torch.finish(pass.run()[0]);
      return (System.nanoTime() - start) / 1e9;
    }
  }
}
