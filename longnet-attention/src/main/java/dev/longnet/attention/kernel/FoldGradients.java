// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Where a backward fold adds its gradients, or where it puts them: float32 rows. A fold that puts
/// gradients sets the rows that have none to 0. A side that is null is not wanted and not computed.
///
/// @param queries dQ, one row per query, or null
/// @param keys dK, one row per key, or null; present iff `values` is
/// @param values dV, one row per key, or null
/// @param overwrite whether gradients are put, so that what the rows hold is not read
public record FoldGradients(
    @Nullable HeadRows queries,
    @Nullable HeadRows keys,
    @Nullable HeadRows values,
    boolean overwrite) {
  public FoldGradients {
    if ((keys == null) != (values == null)) {
      throw new IllegalArgumentException("gradients of keys and values come together");
    }
    if (queries == null && keys == null) {
      throw new IllegalArgumentException("a backward fold needs somewhere to add its gradients");
    }
  }

  /// Gradients are added to what the rows hold.
  public FoldGradients(
      @Nullable HeadRows queries, @Nullable HeadRows keys, @Nullable HeadRows values) {
    this(queries, keys, values, false);
  }

  /// Those that are wanted.
  List<HeadRows> rows() {
    return Stream.of(queries, keys, values).filter(Objects::nonNull).toList();
  }
}
