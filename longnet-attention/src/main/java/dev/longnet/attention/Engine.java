// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.BranchTimer;
import dev.longnet.attention.pattern.AttentionPattern;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// What one call computes with.
///
/// @param spare small buffers that earlier calls left
/// @param threads how many it may use at most, the caller's included
/// @param own threads that the caller brought; null: helpers that live as long as the call
/// @param timer takes the time of each branch; null where nobody asked
record Engine(
    AttentionPattern pattern,
    AttentionKernel kernel,
    CallMemory.Spare spare,
    int threads,
    @Nullable Workers own,
    @Nullable BranchTimer timer) {
  /// Below so many operations a thread that is alive already costs more than it brings: some ten
  /// microseconds of one core.
  private static final double WORTH_WAKING = 1e6;

  /// The kernel for a branch's folds.
  AttentionKernel kernel(int branch) {
    return kernel.forKeys(pattern.mostKeys(branch));
  }

  /// When a branch's part of a block begins; 0 where nobody takes its time.
  long begin() {
    return timer == null ? 0 : System.nanoTime();
  }

  /// @param began what [#begin()] gave on this thread
  void end(int branch, boolean backward, long began) {
    if (timer != null) {
      timer.add(branch, backward, System.nanoTime() - began);
    }
  }

  /// The working memory of a call, closed with it.
  ///
  /// @param useful how many threads take some
  CallMemory memory(int useful) {
    return new CallMemory(spare, useful);
  }

  /// How many threads attention over tensors like `q` is worth.
  int usefulThreads(AttentionTensor q) {
    if (threads == 1 || q.tokens() == 0 || q.batch() == 0) {
      return 1;
    }
    // Long sequences are always worth it.
    if (q.tokens() > 16384) {
      return threads;
    }
    double work =
        4 * pattern.pairs(0, q.heads(), q.tokens()) * q.headSize() * q.heads() * q.batch();
    return usefulThreads(work, q);
  }

  /// How many threads so many operations on tensors like `q` are worth.
  int usefulThreads(double operations, AttentionTensor q) {
    double worth = own == null ? kernel.worthAThread(q.type(), q.headSize()) : WORTH_WAKING;
    return (int) Math.clamp((long) (operations / worth), 1L, threads);
  }

  /// Runs the tasks of a call on so many threads, see [Workers#run].
  void run(int useful, long tasks, LongConsumer task) {
    if (own == null || useful == 1) {
      Parallel.run(useful, tasks, task);
    } else {
      own.run(tasks, task);
    }
  }
}
