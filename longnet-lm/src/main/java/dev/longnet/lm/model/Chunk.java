// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/// Consecutive rows of a [B N, ...] tensor that go through token-wise work together: whole
/// sequences, or a part of one.
///
/// @param start first row
/// @param sequences how many sequences
/// @param tokens of each sequence
/// @param first index within its sequence of the first token
record Chunk(long start, long sequences, long tokens, long first) {

  long rows() {
    return sequences * tokens;
  }

  Tensor of(Tensor rows) {
    return rows.narrow(0, start, rows());
  }

  /// These rows of a buffer that holds the rows of `outer` alone.
  Tensor of(Tensor rows, Chunk outer) {
    return rows.narrow(0, start - outer.start, rows());
  }

  /// Covers [batch x tokens] with chunks of at most `limit` rows, as equal as they can be.
  static List<Chunk> split(long batch, long tokens, long limit) {
    return new Chunk(0, batch, tokens, 0).split(limit);
  }

  /// Covers these rows with chunks of at most `limit` rows, as equal as they can be.
  List<Chunk> split(long limit) {
    List<Chunk> chunks = new ArrayList<>();
    if (rows() == 0) {
      return chunks;
    }
    if (tokens <= limit) {
      long together = limit / tokens;
      for (long b = 0; b < sequences; b += together) {
        chunks.add(new Chunk(start + b * tokens, Math.min(together, sequences - b), tokens, first));
      }
      return chunks;
    }
    long parts = Math.ceilDiv(tokens, limit);
    for (long b = 0; b < sequences; b++) {
      for (long i = 0; i < parts; i++) {
        long from = tokens * i / parts;
        long to = tokens * (i + 1) / parts;
        chunks.add(new Chunk(start + b * tokens + from, 1, to - from, first + from));
      }
    }
    return chunks;
  }
}
