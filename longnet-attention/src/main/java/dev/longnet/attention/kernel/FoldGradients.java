package dev.longnet.attention.kernel;

import dev.longnet.attention.HeadRows;

/// Where a backward fold adds its gradients: float32 rows, updated. `null` means that side is not wanted, and not computed.
///
/// @param queries dQ, one row per query, or null
/// @param keys dK, one row per key, or null; present iff `values` is
/// @param values dV, one row per key, or null
public record FoldGradients(HeadRows queries, HeadRows keys, HeadRows values) {
  public FoldGradients {
    if ((keys == null) != (values == null)) {
      throw new IllegalArgumentException("gradients of keys and values come together");
    }
    if (queries == null && keys == null) {
      throw new IllegalArgumentException("a backward fold needs somewhere to add its gradients");
    }
  }

  /// Only dQ.
  public static FoldGradients ofQueries(HeadRows queries) {
    return new FoldGradients(queries, null, null);
  }

  /// Only dK and dV.
  public static FoldGradients ofKeys(HeadRows keys, HeadRows values) {
    return new FoldGradients(null, keys, values);
  }
}
