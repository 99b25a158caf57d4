// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.Workers;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.model.StepProfile;
import dev.longnet.lm.model.StepProfile.Part;
import org.bytedeco.pytorch.Tensor;

/// Adds an operator's time to a profile, once for each of its threads: those that wait for the
/// call's last block are attention's too.
///
/// @param operator computes
/// @param threads that a call keeps
record ProfiledOperator(AttentionOperator operator, StepProfile profile, int threads)
    implements AttentionOperator {
  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    long began = System.nanoTime();
    Output output = operator.forward(q, k, v);
    add(began, 4 * q.nbytes());
    return output;
  }

  @Override
  public void forward(Tensor q, Tensor k, Tensor v, Output into) {
    long began = System.nanoTime();
    operator.forward(q, k, v, into);
    add(began, 4 * q.nbytes());
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    long began = System.nanoTime();
    Gradients gradients = operator.backward(q, k, v, output, gradOut);
    add(began, 8 * q.nbytes());
    return gradients;
  }

  @Override
  public Backward begin(Tensor q, Tensor k, Tensor v) {
    Backward begun = operator.begin(q, k, v);
    return (output, gradOut, into) -> {
      long began = System.nanoTime();
      begun.finish(output, gradOut, into);
      add(began, 8 * q.nbytes());
    };
  }

  @Override
  public void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    long began = System.nanoTime();
    operator.backward(q, k, v, output, gradOut, into);
    add(began, 8 * q.nbytes());
  }

  @Override
  public AttentionOperator over(Span span) {
    AttentionOperator part = operator.over(span);
    return part == operator ? this : new ProfiledOperator(part, profile, threads);
  }

  @Override
  public void release() {
    operator.release();
  }

  @Override
  public AttentionOperator on(Workers workers) {
    return new ProfiledOperator(operator.on(workers), profile, threads);
  }

  private void add(long began, long bytes) {
    profile.add(Part.ATTENTION, threads * (System.nanoTime() - began), bytes);
  }

  @Override
  public String describe() {
    return operator.describe();
  }
}
