// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.IntFunction;

/// Keeps the working memory of past folds for the next ones.
final class ScratchPool<T extends Scratch> {
  private final ConcurrentLinkedDeque<T> free = new ConcurrentLinkedDeque<>();

  T take(int headSize, IntFunction<T> create) {
    // A scratch of another head size is dropped: a program uses one or two sizes.
    for (T scratch = free.pollFirst(); scratch != null; scratch = free.pollFirst()) {
      if (scratch.headSize == headSize) {
        return scratch;
      }
    }
    return create.apply(headSize);
  }

  void give(T scratch) {
    free.addFirst(scratch);
  }
}
