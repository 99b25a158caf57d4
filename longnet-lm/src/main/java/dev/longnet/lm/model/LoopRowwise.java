// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.core.config.Activation;
import dev.longnet.lm.loops.RowBlock;
import dev.longnet.lm.loops.RowLoops;
import dev.longnet.lm.model.StepProfile.Part;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// On the CPU: the project's own loops on the tensors' memory.
final class LoopRowwise implements Rowwise {
  private final RowLoops loops;

  /// Shifts of zeros, by width.
  private final Map<Long, MemorySegment> zeros = new ConcurrentHashMap<>();

  private final @Nullable StepProfile profile;

  LoopRowwise(RowLoops loops, @Nullable StepProfile profile) {
    this.loops = loops;
    this.profile = profile;
  }

  @Override
  public void norm(Tensor x, Norm norm, Tensor out) {
    long began = StepProfile.begin(profile);
    loops.norm(rows(x), at(norm.gain()), at(norm.bias()), rows(out));
    end(Part.NORMS, began, x, out);
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
    long began = StepProfile.begin(profile);
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
    end(Part.NORMS, began, x, gradOut, out, gradX);
  }

  @Override
  public void add(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum) {
    long began = StepProfile.begin(profile);
    loops.add(rows(x), rows(y), shift(b, x), rows(sum));
    end(Part.NORMS, began, x, y, sum);
  }

  @Override
  public void addNorm(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum, Norm norm, Tensor out) {
    long began = StepProfile.begin(profile);
    loops.addNorm(
        rows(x), rows(y), shift(b, x), rows(sum), at(norm.gain()), at(norm.bias()), rows(out));
    end(Part.NORMS, began, x, y, sum, out);
  }

  @Override
  public void activateNorm(Activation a, Tensor x, @Nullable Tensor b, Norm norm, Tensor out) {
    long began = StepProfile.begin(profile);
    loops.activateNorm(a, rows(x), shift(b, x), at(norm.gain()), at(norm.bias()), rows(out));
    end(Part.ACTIVATION, began, x, out);
  }

  @Override
  public void activateNormBackward(
      Activation a,
      Tensor x,
      @Nullable Tensor b,
      Norm norm,
      Tensor gradOut,
      Tensor out,
      Tensor gradX,
      Tensor gradB,
      Tensor gradGain,
      Tensor gradBias) {
    long began = StepProfile.begin(profile);
    loops.activateNormBackward(
        a,
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
    end(Part.ACTIVATION, began, x, gradOut, out, gradX);
  }

  @Override
  public void copy(Tensor x, Tensor out, @Nullable Tensor sums) {
    long began = StepProfile.begin(profile);
    loops.copy(rows(x), rows(out), at(sums));
    end(Part.CASTS, began, x, out);
  }

  @Override
  public void rotate(Tensor x, @Nullable Tensor b, @Nullable Tensor factors) {
    long began = StepProfile.begin(profile);
    loops.rotate(rows(x), shift(b, x), at(factors), pairs(factors));
    end(Part.ROTATION, began, x, x);
  }

  @Override
  public void rotateBackward(Tensor x, @Nullable Tensor factors, Tensor gradB) {
    long began = StepProfile.begin(profile);
    loops.rotateBackward(rows(x), at(factors), pairs(factors), at(gradB));
    end(Part.ROTATION, began, x, x);
  }

  @Override
  public void convolve(
      Tensor x, @Nullable Tensor b, Tensor taps, @Nullable Tensor factors, Tensor out) {
    long began = StepProfile.begin(profile);
    loops.convolve(rows(x), shift(b, x), rows(taps), at(factors), pairs(factors), rows(out));
    end(Part.CONVOLUTION, began, x, out);
  }

  @Override
  public void convolveBackward(
      Tensor gradOut,
      Tensor x,
      @Nullable Tensor b,
      Tensor taps,
      @Nullable Tensor factors,
      Tensor gradX,
      Tensor gradTaps,
      Tensor gradB) {
    long began = StepProfile.begin(profile);
    loops.convolveBackward(
        rows(gradOut),
        rows(x),
        shift(b, x),
        rows(taps),
        at(factors),
        pairs(factors),
        rows(gradX),
        rows(gradTaps),
        at(gradB));
    end(Part.CONVOLUTION, began, gradOut, x, gradX);
  }

  @Override
  public void addAt(Tensor rows, Tensor x, Tensor sums) {
    loops.addAt(at(rows), rows(x), rows(sums));
  }

  @Override
  public void crossEntropy(Tensor logits, Tensor targets, Tensor losses, double weight) {
    long began = StepProfile.begin(profile);
    loops.crossEntropy(rows(logits), at(targets), at(losses), (float) weight);
    end(Part.LOSS, began, logits, logits);
  }

  @Override
  public String describe() {
    return loops.description();
  }

  private void end(Part part, long began, @Nullable Tensor... tensors) {
    if (profile != null) {
      long bytes = 0;
      for (Tensor tensor : tensors) {
        bytes += tensor == null ? 0 : tensor.numel() * tensor.element_size();
      }
      StepProfile.end(profile, part, began, bytes);
    }
  }

  private static RowBlock rows(Tensor x) {
    ElementType type =
        switch (x.scalar_type().intern()) {
          case Float -> ElementType.FLOAT32;
          case BFloat16 -> ElementType.BFLOAT16;
          default ->
              throw new IllegalArgumentException(
                  "rows must be float32 or bfloat16: " + x.scalar_type().intern());
        };
    if (x.size(1) > 1 && x.stride(1) != 1) {
      throw new IllegalArgumentException(
          "rows must be contiguous: the stride of their elements is " + x.stride(1));
    }
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
