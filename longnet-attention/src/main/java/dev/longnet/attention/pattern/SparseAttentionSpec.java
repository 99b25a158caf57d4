// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// The sparse baseline that the paper compares with, after Sparse Transformers' fixed pattern.
/// Every query attends to its whole own block of `blockLength` tokens and to `columns` strided
/// columns of every earlier block. Heads have different columns. Earlier blocks and the own block
/// are disjoint, so no key counts twice.
///
/// Head j takes column t of each block at local index `j mod s + t s`, with s = floor(blockLength /
/// columns).
///
/// @param blockLength in tokens, positive
/// @param columns how many positions of an earlier block a head sees, in `[1, blockLength]`
/// @param causal whether a query of a block sees only its own position and earlier ones; later
///   blocks are never seen
public record SparseAttentionSpec(long blockLength, long columns, boolean causal)
    implements StreamablePattern {
  /// Every column is a branch of its own where their number does not divide the block.
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

  /// Branch 0 is the own block. Where the columns divide the block, they have one stride throughout
  /// the past and are one more branch. Else every column is a branch, whose stride is the block.
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
    return new Fold(block, columns(branch, head, start));
  }

  /// Every block attends within itself and to the columns of all blocks before it.
  @Override
  @SuppressWarnings("NarrowCalculation") // whole blocks are counted
  public double pairs(int head, int heads, long tokens) {
    double whole = tokens / blockLength;
    double rest = tokens % blockLength;
    double earlierBlocks = 0.5 * whole * (whole - 1) * blockLength + whole * rest;
    return whole * square(blockLength) + square(rest) + earlierBlocks * columns;
  }

  /// Branch 0 holds its block so far. The others hold the columns of all tokens so far: those of
  /// the block that is being read are for later blocks.
  @Override
  public Rows live(int branch, int head, int heads, long tokens) {
    long start = tokens - tokens % blockLength;
    return branch == 0 ? new Rows(start, 1, tokens - start) : columns(branch, head, tokens);
  }

  @Override
  public long mostKeys(int branch) {
    return branch == 0 ? blockLength : Long.MAX_VALUE;
  }

  /// The head's columns of one branch before position `to`.
  private Rows columns(int branch, int head, long to) {
    boolean together = blockLength % columns == 0;
    long first = head % columnStride() + (branch - 1) * columnStride();
    long stride = together ? columnStride() : blockLength;
    return new Rows(first, stride, to <= first ? 0 : Math.ceilDiv(to - first, stride));
  }

  /// Pairs of `rows` queries with as many keys at the same positions.
  private double square(double rows) {
    return causal ? 0.5 * rows * (rows + 1) : rows * rows;
  }
}
