// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// Takes the time that attention spends in each branch. It is called once for every block of rows
/// and every branch, from all threads of a call at once.
@FunctionalInterface
public interface BranchTimer {
  /// @param branch its number in the pattern, from 0
  /// @param backward whether gradients were computed
  /// @param nanos of the calling thread
  void add(int branch, boolean backward, long nanos);
}
