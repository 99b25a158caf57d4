// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.util.function.LongConsumer;

/// Threads that share the tasks of one call. A program that calls often hands its own, which stay
/// alive between calls ([DilatedAttention#on]).
public interface Workers {
  /// How many threads work on a call at most, the caller's included.
  int size();

  /// Runs `task` for 0 … tasks - 1, each exactly once, and hands them out in that order. Returns
  /// when all are done and no thread works on any. When a task throws, no further one starts, and
  /// its exception is thrown here.
  void run(long tasks, LongConsumer task);

  /// The caller's thread alone.
  static Workers alone() {
    return new Workers() {
      @Override
      public int size() {
        return 1;
      }

      @Override
      public void run(long tasks, LongConsumer task) {
        Parallel.run(1, tasks, task);
      }
    };
  }
}
