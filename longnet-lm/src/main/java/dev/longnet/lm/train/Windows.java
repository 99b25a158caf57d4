// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.lang.foreign.MemorySegment;

/// Training windows by number: what a window holds is a function of its phase and number alone, so
/// that a run resumes by remembering a counter.
@FunctionalInterface
public interface Windows {
  /// @param phase whose windows they are, see [dev.longnet.core.config.TrainingConfig#phases()]
  /// @param index 0, 1, 2, … from the phase's first step on, over all epochs
  /// @param first of the window's tokens that are wanted
  /// @param tokens that are wanted: n
  /// @param destination int64, n + 1 ids: inputs and, one later, their targets
  void part(int phase, long index, long first, long tokens, MemorySegment destination);
}
