package dev.longnet.core.stream.mixer;

import dev.longnet.attention.Rows;

/// Which positions a cache of keys and values holds, in integers only: those that later queries may
/// still see. Rows of a head lie in the cache in the order of their positions.
///
/// A chunk is `[from, to)`. Its keys are read from the chunk itself where the whole segment lies in
/// it, else from the cache, to which they are appended first.
interface LiveRows {
  /// The most rows a head can come to hold.
  long mostRows();

  /// Rows a head holds when `tokens` tokens have been read and the next one is about to be.
  long held(int head, long tokens);

  /// Rows a head needs room for while a chunk is read and after it.
  long room(int head, long from, long to);

  /// What a head's cache takes before the chunk is mixed.
  void append(int head, long from, long to, Placement cache);

  /// What a head's cache takes once the chunk is mixed.
  void keep(int head, long from, long to, Placement cache);

  /// The folds of queries `[first, last)` of a chunk that starts at `from`.
  void folds(int head, long from, long first, long last, Folds folds);

  /// Whether the cache takes the row at a position.
  boolean keeps(int head, long position);

  /// How many cached rows, from the first on, the query at a position sees, its own row put before.
  long seen(int head, long position);

  /// Puts rows of the chunk into a cache.
  interface Placement {
    /// @param row where the first of them goes
    /// @param rows their positions
    void put(long row, Rows rows);
  }

  /// Receives queries with the keys they may see.
  interface Folds {
    /// @param row of the cache that holds the first key
    /// @param step rows of the cache between two keys
    void cached(Rows queries, Rows keys, long row, long step);

    /// The keys are rows of the chunk.
    void inChunk(Rows queries, Rows keys);
  }
}
