package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.AttentionPattern;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/// The operator: attention of any [AttentionPattern] over [B, N, H, D] tensors, forward and
/// backward, on the CPU.
///
/// ```java
/// var attention = DilatedAttention.of(DilatedAttentionSpec.paper(true));
/// attention.forward(q, k, v, out, lse);
/// attention.backward(q, k, v, out, lse, gradOut, gradQ, gradK, gradV, GradientMode.EXACT);
/// ```
///
/// Immutable; any number of threads may call one instance at once. Results have the same bits on
/// every run and for any number of threads. Inputs are views that nothing is written to; outputs
/// are overwritten and must not overlap inputs or one another. All memory must stay alive during a
/// call; with memory of a confined arena the caller works alone. Values must be finite; scores up
/// to 1e4 and beyond are safe. A call interrupted, or begun interrupted, stops with
/// [java.util.concurrent.CancellationException], the status still set and the outputs unspecified.
public final class DilatedAttention {
  private final AttentionPattern pattern;
  private final AttentionOptions options;
  private final AttentionKernel kernel;

  private DilatedAttention(
      AttentionPattern pattern, AttentionOptions options, AttentionKernel kernel) {
    this.pattern = pattern;
    this.options = options;
    this.kernel = kernel;
  }

  /// With the best kernel and all processors.
  public static DilatedAttention of(AttentionPattern pattern) {
    return of(pattern, AttentionOptions.defaults());
  }

  /// @throws IllegalStateException when the options force a kernel this JVM cannot run; the message
  ///   says what to do
  public static DilatedAttention of(AttentionPattern pattern, AttentionOptions options) {
    return new DilatedAttention(pattern, options, AttentionKernel.of(options));
  }

  public AttentionPattern pattern() {
    return pattern;
  }

  public AttentionOptions options() {
    return options;
  }

  /// Kernel, vector width and threads in one line.
  public String describe() {
    return kernel.description()
        + ", "
        + options.threads()
        + (options.threads() == 1 ? " thread" : " threads");
  }

  /// out = softmax(q k^T / sqrt(D)) v over the pattern's joint softmax (paper, eq. 9-10). A query
  /// that no fold covers gives 0, and lse -inf.
  ///
  /// @param q [B, N, H, D], and so are k, v and out; element types may differ
  /// @param out overwritten
  /// @param lse [B, H, N] float32, overwritten: natural log of the joint softmax denominator
  public void forward(
      AttentionTensor q,
      AttentionTensor k,
      AttentionTensor v,
      AttentionTensor out,
      MemorySegment lse) {
    Checks.sameShape(q, "k", k, "v", v, "out", out);
    Checks.writable("out", out);
    Checks.floats("lse", lse, q.batch() * q.heads() * q.tokens());
    Checks.writable("lse", lse);
    MemorySegment[] memory = {q.data(), k.data(), v.data(), out.data(), lse};
    Checks.accessible(memory);
    new ForwardPass(pattern, kernel, Checks.threads(options.threads(), memory), q, k, v, out, lse)
        .run();
    Reference.reachabilityFence(q);
    Reference.reachabilityFence(k);
    Reference.reachabilityFence(v);
    Reference.reachabilityFence(out);
    Reference.reachabilityFence(lse);
  }

  /// The gradients of a loss with respect to q, k and v, from its gradient with respect to out.
  ///
  /// @param q [B, N, H, D], and so are all tensors here; element types may differ
  /// @param out what [#forward] gave for these q, k, v
  /// @param lse what [#forward] gave
  /// @param gradOut dO
  /// @param gradQ overwritten, as are gradK and gradV
  public void backward(
      AttentionTensor q,
      AttentionTensor k,
      AttentionTensor v,
      AttentionTensor out,
      MemorySegment lse,
      AttentionTensor gradOut,
      AttentionTensor gradQ,
      AttentionTensor gradK,
      AttentionTensor gradV,
      GradientMode mode) {
    Checks.sameShape(
        q, "k", k, "v", v, "out", out, "gradOut", gradOut, "gradQ", gradQ, "gradK", gradK, "gradV",
        gradV);
    Checks.writable("gradQ", gradQ);
    Checks.writable("gradK", gradK);
    Checks.writable("gradV", gradV);
    Checks.floats("lse", lse, q.batch() * q.heads() * q.tokens());
    MemorySegment[] memory = {
      q.data(),
      k.data(),
      v.data(),
      out.data(),
      lse,
      gradOut.data(),
      gradQ.data(),
      gradK.data(),
      gradV.data()
    };
    Checks.accessible(memory);
    new BackwardPass(
            pattern,
            kernel,
            Checks.threads(options.threads(), memory),
            q,
            k,
            v,
            out,
            lse,
            gradOut,
            gradQ,
            gradK,
            gradV,
            mode)
        .run();
    Reference.reachabilityFence(q);
    Reference.reachabilityFence(k);
    Reference.reachabilityFence(v);
    Reference.reachabilityFence(out);
    Reference.reachabilityFence(lse);
    Reference.reachabilityFence(gradOut);
    Reference.reachabilityFence(gradQ);
    Reference.reachabilityFence(gradK);
    Reference.reachabilityFence(gradV);
  }
}
