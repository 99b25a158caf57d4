// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.lm.loops.RowBlock;
import dev.longnet.lm.loops.RowLoops;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// On the CPU: the project's own loops on the tensors' memory.
final class LoopRowwise implements Rowwise {
  private final RowLoops loops;

  /// Shifts of zeros, by width.
  private final Map<Long, MemorySegment> zeros = new ConcurrentHashMap<>();

  LoopRowwise(RowLoops loops) {
    this.loops = loops;
  }

  @Override
  public void norm(Tensor x, Norm norm, Tensor out) {
    loops.norm(rows(x), at(norm.gain()), at(norm.bias()), rows(out));
  }

  @Override
  public void normBackward(
      Tensor x,
      Norm norm,
      Tensor gradOut,
      @Nullable Tensor out,
      Tensor gradX,
      boolean add,
      Tensor gradGain,
      Tensor gradBias) {
    loops.normBackward(
        rows(x),
        at(norm.gain()),
        at(norm.bias()),
        rows(gradOut),
        out == null ? null : rows(out),
        rows(gradX),
        add,
        at(gradGain),
        at(gradBias));
  }

  @Override
  public void add(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum) {
    loops.add(rows(x), rows(y), shift(b, x), rows(sum));
  }

  @Override
  public void addNorm(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum, Norm norm, Tensor out) {
    loops.addNorm(
        rows(x), rows(y), shift(b, x), rows(sum), at(norm.gain()), at(norm.bias()), rows(out));
  }

  @Override
  public void geluNorm(Tensor x, @Nullable Tensor b, Norm norm, Tensor out) {
    loops.geluNorm(rows(x), shift(b, x), at(norm.gain()), at(norm.bias()), rows(out));
  }

  @Override
  public void geluNormBackward(
      Tensor x,
      @Nullable Tensor b,
      Norm norm,
      Tensor gradOut,
      Tensor out,
      Tensor gradX,
      Tensor gradB,
      Tensor gradGain,
      Tensor gradBias) {
    loops.geluNormBackward(
        rows(x),
        shift(b, x),
        at(norm.gain()),
        at(norm.bias()),
        rows(gradOut),
        rows(out),
        rows(gradX),
        at(gradB),
        at(gradGain),
        at(gradBias));
  }

  @Override
  public void copy(Tensor x, Tensor out, @Nullable Tensor sums) {
    loops.copy(rows(x), rows(out), at(sums));
  }

  @Override
  public void rotate(Tensor x, @Nullable Tensor b, @Nullable Tensor factors) {
    loops.rotate(rows(x), shift(b, x), at(factors), pairs(factors));
  }

  @Override
  public void rotateBackward(Tensor x, @Nullable Tensor factors, Tensor gradB) {
    loops.rotateBackward(rows(x), at(factors), pairs(factors), at(gradB));
  }

  @Override
  public void crossEntropy(Tensor logits, Tensor targets, Tensor losses, double weight) {
    loops.crossEntropy(rows(logits), at(targets), at(losses), (float) weight);
  }

  @Override
  public String describe() {
    return loops.description();
  }

  private static RowBlock rows(Tensor x) {
    ElementType type = Types.is(x, ScalarType.Float) ? ElementType.FLOAT32 : ElementType.BFLOAT16;
    return new RowBlock(
        at(x),
        type,
        Math.toIntExact(x.size(0)),
        Math.toIntExact(x.size(1)),
        x.size(0) == 1 ? x.size(1) : x.stride(0));
  }

  private long shift(@Nullable Tensor b, Tensor x) {
    if (b != null) {
      return at(b);
    }
    return zeros
        .computeIfAbsent(x.size(1), width -> Arena.ofAuto().allocate(4 * width, 64))
        .address();
  }

  private static int pairs(@Nullable Tensor factors) {
    return factors == null ? 0 : Math.toIntExact(factors.size(1));
  }

  private static long at(@Nullable Tensor x) {
    return x == null ? 0 : x.data_ptr().address();
  }
}
