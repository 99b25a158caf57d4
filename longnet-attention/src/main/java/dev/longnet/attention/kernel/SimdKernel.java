package dev.longnet.attention.kernel;

import dev.longnet.attention.HeadRows;
import dev.longnet.attention.RowScalars;

/// The Vector API kernel.
final class SimdKernel implements AttentionKernel {
  @Override
  public void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void foldBackward(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows gradOut, RowScalars lse,
      RowScalars delta, FoldGradients gradients) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String description() {
    return "simd";
  }
}
