// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

/// A causal model that reads a stream of tokens and scores what may come next. How much of the past
/// it keeps, and in which form, is its own business. Owned by one thread; whoever created it closes
/// it.
public interface NextToken extends AutoCloseable {
  /// Reads `tokens` after all read before; none only when something has been read.
  ///
  /// @return `[V]` the scores of the token that follows; the caller's to keep
  float[] read(int[] tokens);

  @Override
  void close();
}
