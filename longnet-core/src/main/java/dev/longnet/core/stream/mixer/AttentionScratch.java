// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.core.stream.kernel.NativeFloats;

/// Attention's memory of its own in a session, for T rows.
final class AttentionScratch implements Work.Scratch {
  final Rotation.Tables tables;

  /// Of a chunk: log-sum-exps [H, T]. Of a step: largest score and sum of exponentials [T, H, 2].
  final NativeFloats norms;

  private final int capacity;

  /// One for each worker.
  private final NativeFloats[] scores;

  AttentionScratch(AttentionGeometry geometry, Work work) {
    capacity = work.capacity();
    tables = new Rotation.Tables(geometry.rotation, capacity);
    norms = new NativeFloats(2L * capacity * geometry.heads);
    scores = new NativeFloats[work.team().size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = new NativeFloats(1024);
    }
  }

  /// The log-sum-exps of `count` rows of a head.
  RowScalars norms(int head, long first, long stride, long count) {
    return new RowScalars(norms.segment(), (long) head * capacity + first, stride, count);
  }

  /// Address of memory for a worker's scores.
  long scores(int worker, long count) {
    if (scores[worker].bytes() < 4 * count) {
      // The old ones stay whole where there is no memory for more.
      NativeFloats more = new NativeFloats(2 * count);
      scores[worker].close();
      scores[worker] = more;
    }
    return scores[worker].address();
  }

  @Override
  public void close() {
    tables.close();
    norms.close();
    for (NativeFloats floats : scores) {
      floats.close();
    }
  }
}
