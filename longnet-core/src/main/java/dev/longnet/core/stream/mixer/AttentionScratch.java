// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;

/// Attention's memory of its own in a session, for T rows.
final class AttentionScratch {
  final Rotation.Tables tables;

  /// Of a chunk: log-sum-exps [H, T]. Of a step: largest score and sum of exponentials [T, H, 2].
  final NativeFloats norms;

  final StepRows steps;

  private final NativeMemory memory;
  private final int capacity;
  private Scores scores;

  /// @param part of the work's memory, which goes when the scores grow
  /// @param workers `[count]` for each worker of the team
  private record Scores(NativeMemory part, long count, NativeFloats[] workers) {}

  AttentionScratch(AttentionGeometry geometry, Work work) {
    memory = work.memory();
    capacity = work.capacity();
    tables = new Rotation.Tables(geometry.rotation, capacity, memory);
    norms = memory.floats(2L * capacity * geometry.heads);
    steps = new StepRows(geometry);
    scores = scores(work.team().size(), 1024);
  }

  private Scores scores(int workers, long count) {
    return memory
        .part()
        .build(part -> {
          NativeFloats[] each = new NativeFloats[workers];
          for (int worker = 0; worker < workers; worker++) {
            each[worker] = part.floats(count);
          }
          return new Scores(part, count, each);
        });
  }

  /// The log-sum-exps of `count` rows of a head.
  RowScalars norms(int head, long first, long stride, long count) {
    return new RowScalars(norms.segment(), (long) head * capacity + first, stride, count);
  }

  /// Makes room for `count` scores of each worker.
  void reserveScores(long count) {
    if (count > scores.count) {
      Scores more = scores(scores.workers.length, 2 * count);
      scores.part.close();
      scores = more;
    }
  }

  /// Address of memory for a worker's scores.
  long scores(int worker) {
    return scores.workers[worker].address();
  }
}
