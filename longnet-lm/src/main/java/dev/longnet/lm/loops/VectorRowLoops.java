// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import org.jspecify.annotations.Nullable;

/// Loops in vector registers.
public final class VectorRowLoops implements RowLoops {
  private final ScalarRowLoops plain = new ScalarRowLoops();

  @Override
  public void norm(RowBlock x, long gain, long bias, RowBlock out) {
    plain.norm(x, gain, bias, out);
  }

  @Override
  public void normBackward(
      RowBlock x,
      long gain,
      long bias,
      RowBlock gradOut,
      @Nullable RowBlock out,
      RowBlock gradX,
      boolean add,
      long gradGain,
      long gradBias) {
    plain.normBackward(x, gain, bias, gradOut, out, gradX, add, gradGain, gradBias);
  }

  @Override
  public void add(RowBlock x, RowBlock y, long shift, RowBlock sum) {
    plain.add(x, y, shift, sum);
  }

  @Override
  public void addNorm(
      RowBlock x, RowBlock y, long shift, RowBlock sum, long gain, long bias, RowBlock out) {
    plain.addNorm(x, y, shift, sum, gain, bias, out);
  }

  @Override
  public void geluNorm(RowBlock x, long shift, long gain, long bias, RowBlock out) {
    plain.geluNorm(x, shift, gain, bias, out);
  }

  @Override
  public void geluNormBackward(
      RowBlock x,
      long shift,
      long gain,
      long bias,
      RowBlock gradOut,
      RowBlock out,
      RowBlock gradX,
      long gradShift,
      long gradGain,
      long gradBias) {
    plain.geluNormBackward(
        x, shift, gain, bias, gradOut, out, gradX, gradShift, gradGain, gradBias);
  }

  @Override
  public void copy(RowBlock x, RowBlock out, long sums) {
    plain.copy(x, out, sums);
  }

  @Override
  public void rotate(RowBlock x, long shift, long factors, int pairs) {
    plain.rotate(x, shift, factors, pairs);
  }

  @Override
  public void rotateBackward(RowBlock x, long factors, int pairs, long gradShift) {
    plain.rotateBackward(x, factors, pairs, gradShift);
  }

  @Override
  public void crossEntropy(RowBlock x, long targets, long losses, float weight) {
    plain.crossEntropy(x, targets, losses, weight);
  }

  @Override
  public double squares(long x, long count) {
    return plain.squares(x, count);
  }

  @Override
  public void adam(
      long values, long gradients, long first, long second, long count, AdamStep step) {
    plain.adam(values, gradients, first, second, count, step);
  }

  @Override
  public String description() {
    return plain.description();
  }
}
