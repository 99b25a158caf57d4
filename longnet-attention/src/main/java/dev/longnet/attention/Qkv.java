// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

/// Queries, keys and values of attention, or the gradients with respect to them: three tensors of
/// one shape. Their element types and strides may differ.
///
/// @param q [B, N, H, D]
/// @param k [B, N, H, D]
/// @param v [B, N, H, D]
public record Qkv(AttentionTensor q, AttentionTensor k, AttentionTensor v) {
  public Qkv {
    Checks.sameShape(q, "k", k);
    Checks.sameShape(q, "v", v);
    Checks.precision(q, "k", k);
    Checks.precision(q, "v", v);
  }
}
