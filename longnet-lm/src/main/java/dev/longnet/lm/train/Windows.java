// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.lang.foreign.MemorySegment;

/// Training windows by number: what a window holds is a function of its number alone, so that a run
/// resumes by remembering a counter.
@FunctionalInterface
public interface Windows {
  /// @param index 0, 1, 2, … over all epochs
  /// @param destination int64, N + 1 ids: inputs and, one later, their targets
  void window(long index, MemorySegment destination);
}
