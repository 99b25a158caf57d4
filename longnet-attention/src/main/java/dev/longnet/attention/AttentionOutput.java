// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.lang.foreign.MemorySegment;

/// What the forward pass writes and the backward pass reads.
///
/// @param out [B, N, H, D], the attention of every query
/// @param lse [B, H, N] float32, the natural log of every query's joint softmax denominator;
///   float64 where `out` is
public record AttentionOutput(AttentionTensor out, MemorySegment lse) {
  public AttentionOutput {
    Checks.scalars("lse", lse, out.type(), out.batch() * out.heads() * out.tokens());
  }
}
