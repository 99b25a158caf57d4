// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.ArrayList;
import java.util.List;

/// B sequences, what is held of each, and the pieces their token-wise work runs in: chunks one
/// after another, which bound memory, and the tiles of a chunk at once, one a thread.
///
/// @param tilesOfChunks the tiles of each chunk
record Shape(long batch, Span span, List<Chunk> chunks, List<List<Tile>> tilesOfChunks) {
  /// @param chunk rows of a chunk at most
  /// @param threads that share a chunk's tiles; 0: a tile is a chunk
  /// @param tile rows of a tile at most
  static Shape of(long batch, Span span, int chunk, int threads, int tile) {
    List<Chunk> chunks = Chunk.split(batch, span.tokens(), chunk);
    List<List<Tile>> tiles = new ArrayList<>();
    int next = 0;
    for (Chunk rows : chunks) {
      List<Tile> own = new ArrayList<>();
      for (Chunk part :
          rows.split(threads == 0 ? rows.rows() : limit(rows.rows(), threads, tile))) {
        own.add(new Tile(next++, part));
      }
      tiles.add(own);
    }
    return new Shape(batch, span, chunks, tiles);
  }

  /// So many rows that every thread has the same number of tiles.
  private static long limit(long rows, int threads, int tile) {
    long rounds = Math.ceilDiv(rows, (long) tile * threads);
    return Math.ceilDiv(rows, rounds * threads);
  }

  /// Every tile, in order.
  List<Tile> tiles() {
    return tilesOfChunks.stream().flatMap(List::stream).toList();
  }

  List<Tile> tiles(int chunk) {
    return tilesOfChunks.get(chunk);
  }

  int tileCount() {
    return tilesOfChunks.stream().mapToInt(List::size).sum();
  }

  /// n: tokens held of each sequence.
  long tokens() {
    return span.tokens();
  }

  /// B n
  long rows() {
    return batch * span.tokens();
  }

  /// Position in its window of a piece's first token.
  long position(Chunk piece) {
    return span.first() + piece.first();
  }
}
