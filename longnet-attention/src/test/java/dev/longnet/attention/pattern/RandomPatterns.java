// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/// Small patterns of every kind, and what they mean by enumeration.
public final class RandomPatterns {
  private RandomPatterns() {}

  static DilatedAttentionSpec dilated(Random random, boolean causal) {
    int branches = 1 + random.nextInt(3);
    return DilatedAttentionSpec.of(
        random.longs(branches, 1, 50).toArray(),
        random.longs(branches, 1, 9).toArray(),
        causal,
        HeadOffsets.values()[random.nextInt(2)]);
  }

  /// Branches of every kind, the paper's among them.
  public static DilatedAttentionSpec branches(
      Random random, boolean causal, int heads, long longest, long mostDilation) {
    List<Branch> branches = new ArrayList<>();
    int count = 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      long length = 1 + random.nextLong(longest);
      branches.add(
          new Branch(
              length,
              1 + random.nextLong(mostDilation),
              Branch.Window.values()[causal ? random.nextInt(3) : 0],
              Branch.Dilate.values()[random.nextInt(2)],
              random.nextBoolean() ? List.of() : heads(random, heads),
              random.nextBoolean() ? 0 : random.nextLong(length)));
    }
    return new DilatedAttentionSpec(branches, causal, HeadOffsets.values()[random.nextInt(2)]);
  }

  private static List<Integer> heads(Random random, int heads) {
    return IntStream.range(0, heads).filter(head -> random.nextBoolean()).boxed().toList();
  }

  static SparseAttentionSpec sparse(Random random, boolean causal) {
    long block = 1 + random.nextInt(12);
    return new SparseAttentionSpec(block, 1 + random.nextInt((int) block), causal);
  }

  static StreamablePattern any(Random random, boolean causal) {
    return switch (random.nextInt(5)) {
      case 0 -> DilatedAttentionSpec.dense(causal);
      case 1 -> sparse(random, causal);
      case 2, 3 -> branches(random, causal, 9, 50, 9);
      default -> dilated(random, causal);
    };
  }

  /// A pattern of any kind for a sequence of about so many tokens.
  public static AttentionPattern ofAnyKind(Random random, int heads, long tokens) {
    boolean causal = random.nextBoolean();
    return switch (random.nextInt(8)) {
      case 0 -> DilatedAttentionSpec.dense(causal);
      case 1 -> sparse(random, causal);
      case 2 -> new BlockwiseCausalPattern(any(random, true), 1 + random.nextInt(20));
      case 3 -> dilated(random, causal);
      default -> branches(random, causal, heads, tokens + 5, 9);
    };
  }

  /// Boundaries of shards: even ones, any ones, and such that most shards are empty.
  public static long[] boundaries(Random random, int shards, long tokens) {
    long[] boundaries = new long[shards + 1];
    int kind = random.nextInt(3);
    long some = random.nextLong(tokens + 1);
    for (int i = 1; i < shards; i++) {
      boundaries[i] =
          switch (kind) {
            case 0 -> tokens * i / shards;
            case 1 -> random.nextLong(tokens + 1);
            default -> random.nextInt(3) == 0 ? random.nextLong(tokens + 1) : some;
          };
    }
    boundaries[shards] = tokens;
    Arrays.sort(boundaries);
    return boundaries;
  }

  /// A pattern with none but the interface's own answers.
  record Enumerated(AttentionPattern inner) implements AttentionPattern {
    @Override
    public boolean causal() {
      return inner.causal();
    }

    @Override
    public int branches() {
      return inner.branches();
    }

    @Override
    public long firstSegment(int branch, long from) {
      return inner.firstSegment(branch, from);
    }

    @Override
    public long endSegment(int branch, long to, long tokens) {
      return inner.endSegment(branch, to, tokens);
    }

    @Override
    public Fold fold(int branch, long segment, int head, int heads, long tokens) {
      return inner.fold(branch, segment, head, heads, tokens);
    }
  }

  /// The keys, up to its own position, that a query sees through a branch of a sequence.
  static Set<Long> keys(
      AttentionPattern pattern, int branch, int head, int heads, long query, long tokens) {
    Set<Long> keys = new TreeSet<>();
    for (long segment = 0; segment < pattern.endSegment(branch, tokens, tokens); segment++) {
      Fold fold = pattern.fold(branch, segment, head, heads, tokens);
      if (positions(fold.queries()).contains(query)) {
        keys.addAll(positions(fold.seen(query, true)));
      }
    }
    return keys;
  }

  static Set<Long> positions(Rows rows) {
    Set<Long> positions = new TreeSet<>();
    for (long i = 0; i < rows.count(); i++) {
      positions.add(rows.position(i));
    }
    return positions;
  }
}
