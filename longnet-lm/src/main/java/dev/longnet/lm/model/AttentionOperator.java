// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.AttentionConfig;
import java.util.OptionalLong;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Attention as the model sees it: values and exact gradients outside autograd, so that the
/// pure-Java kernel, the libtorch kernel and a distributed one are interchangeable. The model's own
/// backward pass calls it; no autograd graph is recorded anywhere (ARCHITECTURE.md). A program with
/// a graph cuts it here: forward on detached inputs, backward with the gradient that reached the
/// output.
///
/// Implementations may be called by one thread at a time per instance unless they say otherwise;
/// results belong to the caller's current `PointerScope`.
public interface AttentionOperator {

  /// @param out [B, N, H, D], as q
  /// @param lse [B, H, N] float32: natural log of the joint softmax denominator, -inf where a query
  ///   attends to nothing
  record Output(Tensor out, Tensor lse) {}

  /// Each [B, N, H, D], of the input's type.
  record Gradients(Tensor gradQ, Tensor gradK, Tensor gradV) {}

  /// @param q [B, N, H, D], any strides with a contiguous last dimension; scores are q·k / sqrt(D)
  /// @param k as q
  /// @param v as q
  Output forward(Tensor q, Tensor k, Tensor v);

  /// @param output what [#forward] returned for the same q, k, v
  /// @param gradOut [B, N, H, D]
  Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut);

  /// As [#forward(Tensor, Tensor, Tensor)], into memory of the caller's, so that a training step
  /// allocates nothing.
  ///
  /// @param into contiguous in their last dimension; overwritten
  default void forward(Tensor q, Tensor k, Tensor v, Output into) {
    try (PointerScope _ = new PointerScope()) {
      Output output = forward(q, k, v);
      into.out.copy_(output.out);
      into.lse.copy_(output.lse);
    }
  }

  /// As [#backward(Tensor, Tensor, Tensor, Output, Tensor)], into memory of the caller's.
  ///
  /// @param into contiguous in their last dimension; overwritten
  default void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    try (PointerScope _ = new PointerScope()) {
      Gradients gradients = backward(q, k, v, output, gradOut);
      into.gradQ.copy_(gradients.gradQ);
      into.gradK.copy_(gradients.gradK);
      into.gradV.copy_(gradients.gradV);
    }
  }

  /// A backward pass of which everything but the output's gradient is there.
  interface Backward {
    /// As [AttentionOperator#backward(Tensor, Tensor, Tensor, Output, Tensor, Gradients)].
    void finish(Output output, Tensor gradOut, Gradients into);
  }

  /// Begins a backward pass before the output's gradient is known, so that what the operator must
  /// wait for travels meanwhile. None of the tensors may change until it is finished.
  default Backward begin(Tensor q, Tensor k, Tensor v) {
    return (output, gradOut, into) -> backward(q, k, v, output, gradOut, into);
  }

  /// The same operator for passes that hold this part of their windows: q, k, v are the part's
  /// rows. One whose passes need other parts' rows fetches them, or refuses.
  ///
  /// @throws IllegalArgumentException where rows would be missing; here for every part of a window
  default AttentionOperator over(Span span) {
    span.requireWholeSegments(OptionalLong.empty());
    return this;
  }

  /// Gives back memory that is kept from call to call; later calls take it anew.
  default void release() {}

  /// The same operator on threads of a model's, which stay alive between its calls; itself where it
  /// has no use for them.
  ///
  /// @param workers stay the caller's; one thread at a time may then call
  default AttentionOperator on(Workers workers) {
    return this;
  }

  /// One line for logs: which kernel, vector width, threads.
  String describe();

  /// Makes the operator of an attention: the part that a run is handed.
  @FunctionalInterface
  interface Factory {
    /// @param causal of the model
    AttentionOperator of(AttentionConfig attention, boolean causal);
  }
}
