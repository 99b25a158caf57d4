package dev.longnet.attention.pattern;

/// The sparse baseline the paper compares with (after Sparse Transformers' fixed pattern): every
/// query attends to its own block of `blockLength` tokens densely and to `columns` strided columns
/// of every earlier block, each head to other columns. Earlier blocks and the own block are
/// disjoint, so no key counts twice.
///
/// Head j takes column t of each block at local index `j mod s + t s`, with s = floor(blockLength /
/// columns).
///
/// @param blockLength in tokens, positive
/// @param columns how many positions of an earlier block a head sees, in `[1, blockLength]`
/// @param causal whether a query of a block sees only its own position and earlier ones; later
///   blocks are never seen
public record SparseAttentionSpec(long blockLength, long columns, boolean causal)
    implements AttentionPattern {
  /// Columns that do not divide the block are a branch each.
  public static final int MOST_UNEVEN_COLUMNS = 1024;

  public SparseAttentionSpec {
    if (blockLength < 1) {
      throw new IllegalArgumentException(
          "blockLength must be positive: blockLength=" + blockLength);
    }
    if (columns < 1 || columns > blockLength) {
      throw new IllegalArgumentException(
          "columns must be between 1 and blockLength=" + blockLength + ": columns=" + columns);
    }
    if (blockLength % columns != 0 && columns > MOST_UNEVEN_COLUMNS) {
      throw new IllegalArgumentException(
          "more than "
              + MOST_UNEVEN_COLUMNS
              + " columns must divide the block: columns="
              + columns
              + ", blockLength="
              + blockLength);
    }
  }

  /// The distance between two columns of one head.
  public long columnStride() {
    return blockLength / columns;
  }

  /// Branch 0 is the own block. When the columns divide the block they have one stride throughout
  /// the past and are one more branch; else every column is a branch, its stride the block.
  @Override
  public int branches() {
    return blockLength % columns == 0 ? 2 : Math.toIntExact(1 + columns);
  }

  @Override
  public long firstSegment(int branch, long from) {
    return from / blockLength;
  }

  @Override
  public long endSegment(int branch, long to, long tokens) {
    // An earlier block's columns are read by every later block.
    return Math.ceilDiv(branch == 0 || to == 0 ? to : tokens, blockLength);
  }

  @Override
  public Fold fold(int branch, long segment, int head, int heads, long tokens) {
    long start = segment * blockLength;
    Rows block = new Rows(start, 1, Math.min(blockLength, tokens - start));
    if (branch == 0) {
      return new Fold(block, block);
    }
    long column = head % columnStride();
    if (blockLength % columns == 0) {
      return new Fold(block, new Rows(column, columnStride(), segment * columns));
    }
    return new Fold(block, new Rows(column + (branch - 1) * columnStride(), blockLength, segment));
  }
}
