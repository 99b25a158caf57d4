// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.AttentionPattern;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/// Computes attention of any [AttentionPattern] over [B, N, H, D] tensors on the CPU, forward and
/// backward.
///
/// ```java
/// var attention = DilatedAttention.of(DilatedAttentionSpec.paper(true));
/// var inputs = new Qkv(q, k, v);
/// var output = new AttentionOutput(out, lse);
/// attention.forward(inputs, output);
/// attention.backward(inputs, output, gradOut, new Qkv(gradQ, gradK, gradV), GradientMode.EXACT);
/// ```
///
/// - An instance is immutable, and any number of threads may call it at once.
/// - Results have the same bits on every run and for any number of threads.
/// - Inputs are only read. Outputs are overwritten and must not overlap inputs or one another.
/// - All memory must stay alive during a call. Where some of it belongs to a confined arena, the
///   caller's thread works alone.
/// - Values must be finite. Scores up to 1e4 and beyond are safe.
/// - A call on an interrupted thread stops with [java.util.concurrent.CancellationException]. The
///   interrupt status stays set, and the outputs are unspecified.
public final class DilatedAttention {
  private final AttentionPattern pattern;
  private final AttentionOptions options;
  private final AttentionKernel kernel;
  private final CallMemory.Spare spare;
  private final @Nullable Workers workers;

  private DilatedAttention(
      AttentionPattern pattern,
      AttentionOptions options,
      AttentionKernel kernel,
      CallMemory.Spare spare,
      @Nullable Workers workers) {
    this.pattern = pattern;
    this.options = options;
    this.kernel = kernel;
    this.spare = spare;
    this.workers = workers;
  }

  /// Uses the best kernel and all processors.
  public static DilatedAttention of(AttentionPattern pattern) {
    return of(pattern, AttentionOptions.defaults());
  }

  /// @throws IllegalStateException when the options force a kernel this JVM cannot run; the message
  ///   says what to do
  public static DilatedAttention of(AttentionPattern pattern, AttentionOptions options) {
    return new DilatedAttention(
        pattern, options, AttentionKernel.of(options), new CallMemory.Spare(), null);
  }

  /// The same attention on threads of the caller's instead of helpers that each call starts. Then
  /// one thread at a time may call it, and an interrupt is the threads' matter.
  ///
  /// @param workers stay the caller's
  public DilatedAttention on(Workers workers) {
    return new DilatedAttention(
        pattern, options.withThreads(workers.size()), kernel, spare, workers);
  }

  public AttentionPattern pattern() {
    return pattern;
  }

  public AttentionOptions options() {
    return options;
  }

  /// Names kernel, vector width and threads in one line.
  public String describe() {
    return kernel.description()
        + ", "
        + options.threads()
        + (options.threads() == 1 ? " thread" : " threads");
  }

  /// out = softmax(q k^T / sqrt(D)) v over the pattern's joint softmax (paper, eq. 9-10). A query
  /// that no fold covers gives 0, and lse -inf.
  ///
  /// @param inputs q, k, v [B, N, H, D]
  /// @param output overwritten; of the inputs' shape
  public void forward(Qkv inputs, AttentionOutput output) {
    Checks.forward(inputs.q(), output);
    new ForwardPass(
            engine(
                inputs.q().data(),
                inputs.k().data(),
                inputs.v().data(),
                output.out().data(),
                output.lse()),
            inputs,
            output)
        .run();
    Reference.reachabilityFence(inputs);
    Reference.reachabilityFence(output);
  }

  /// Computes the gradients of a loss with respect to q, k and v from its gradient with respect to
  /// out.
  ///
  /// @param inputs q, k, v [B, N, H, D]
  /// @param output what [#forward] gave for these inputs
  /// @param gradOut dO [B, N, H, D]
  /// @param gradients dQ, dK, dV, overwritten; of the inputs' shape
  public void backward(
      Qkv inputs,
      AttentionOutput output,
      AttentionTensor gradOut,
      Qkv gradients,
      GradientMode mode) {
    AttentionTensor q = inputs.q();
    Checks.backward(q, output, gradOut, gradients);
    new BackwardPass(
            engine(
                q.data(),
                inputs.k().data(),
                inputs.v().data(),
                output.out().data(),
                output.lse(),
                gradOut.data(),
                gradients.q().data(),
                gradients.k().data(),
                gradients.v().data()),
            inputs,
            output,
            gradOut,
            gradients,
            mode)
        .run();
    Reference.reachabilityFence(inputs);
    Reference.reachabilityFence(output);
    Reference.reachabilityFence(gradOut);
    Reference.reachabilityFence(gradients);
  }

  /// Gives up the working memory that calls leave for the next ones, at most 1 MiB a buffer and a
  /// few buffers a thread. A later call makes its own anew.
  public void release() {
    spare.clear();
  }

  private Engine engine(MemorySegment... memory) {
    return engine(pattern, memory);
  }

  /// An engine with as many threads as may work on this memory.
  ///
  /// @param part of the pattern, or all of it
  Engine engine(AttentionPattern part, MemorySegment... memory) {
    Checks.accessible(memory);
    return new Engine(
        part,
        kernel,
        spare,
        Checks.threads(options.threads(), memory),
        workers,
        options.branchTimer());
  }
}
