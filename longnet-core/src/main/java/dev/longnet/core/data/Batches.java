// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Training windows in a seeded order. Window number i is a pure function of (seed, i): a run
/// resumes where it stopped by remembering how many windows it took.
///
/// An epoch cuts the stream, seen as a ring, into windows of `windowTokens` from a start of its
/// own, and visits them shuffled. Streams with weights are mixed: each has epochs of its own, and
/// every 1,024 windows hold each stream's share of them.
public final class Batches {
  private static final int ROUND = 1024;

  private final List<TokenStream> streams;
  private final int windowTokens;
  private final long seed;

  /// Windows of each stream in one round; a single stream needs no rounds.
  private final int[] share;

  /// One stream.
  public Batches(TokenStream stream, int windowTokens, long seed) {
    this(List.of(stream), new double[] {1}, windowTokens, seed);
  }

  /// Several streams, mixed.
  ///
  /// @param weights positive, relative to each other
  /// @throws IllegalArgumentException when a stream is shorter than a window
  public Batches(List<TokenStream> streams, double[] weights, int windowTokens, long seed) {
    if (windowTokens < 1) {
      throw new IllegalArgumentException("window tokens must be positive: " + windowTokens);
    }
    if (streams.isEmpty() || streams.size() != weights.length) {
      throw new IllegalArgumentException(
          streams.size() + " streams need as many weights: " + weights.length);
    }
    for (int i = 0; i < weights.length; i++) {
      if (streams.get(i).size() < windowTokens + 1L) {
        throw new IllegalArgumentException(
            "the corpus is too small: "
                + (weights.length > 1 ? "source " + i + " has " : "it has ")
                + streams.get(i).size()
                + " training tokens, a window needs "
                + (windowTokens + 1L));
      }
      if (!(weights[i] > 0)) {
        throw new IllegalArgumentException("weights must be positive: " + weights[i]);
      }
    }
    this.streams = List.copyOf(streams);
    this.windowTokens = windowTokens;
    this.seed = seed;
    this.share = shares(weights);
  }

  /// The training windows of a corpus: mixed by its sources' weights where it has them, else in
  /// natural proportion.
  ///
  /// @param weights one a source, or none
  public static Batches of(TokenShards shards, double[] weights, int windowTokens, long seed) {
    if (weights.length == 0) {
      return new Batches(shards.train(), windowTokens, seed);
    }
    List<TokenStream> streams = new ArrayList<>();
    for (int i = 0; i < shards.manifest().sources().size(); i++) {
      streams.add(shards.train(i));
    }
    return new Batches(streams, weights, windowTokens, seed);
  }

  /// Writes window number `index`.
  ///
  /// @param index 0, 1, 2, … over all epochs
  /// @param destination [windowTokens + 1] int64
  public void window(long index, MemorySegment destination) {
    part(index, 0, windowTokens, destination);
  }

  /// Tokens of a window, without the one more that is its last target.
  int windowTokens() {
    return windowTokens;
  }

  /// Writes a part of window number `index`.
  ///
  /// @param from the part's first token
  /// @param tokens of it
  /// @param destination [tokens + 1] int64
  void part(long index, int from, int tokens, MemorySegment destination) {
    if (index < 0) {
      throw new IllegalArgumentException("window number must not be negative: " + index);
    }
    if (streams.size() == 1) {
      copy(0, index, from, tokens, destination);
      return;
    }
    long round = index / ROUND;
    Permutation order = new Permutation(ROUND, Permutation.mix(seed ^ 0x6d6978L) + round);
    int stream = stream(order.at(index % ROUND));
    // A stream's windows come in its own order: count those of this round that came before.
    long earlier = 0;
    for (int i = 0; i < index % ROUND; i++) {
      earlier += stream(order.at(i)) == stream ? 1 : 0;
    }
    copy(stream, round * share[stream] + earlier, from, tokens, destination);
  }

  /// Which stream a place in a round belongs to.
  private int stream(long place) {
    int stream = 0;
    while (place >= share[stream]) {
      place -= share[stream++];
    }
    return stream;
  }

  private void copy(int number, long index, int part, int tokens, MemorySegment destination) {
    TokenStream stream = streams.get(number);
    long windows = windows(stream);
    long epochSeed =
        Permutation.mix(seed + Permutation.mix(number * 0x9E3779B97F4A7C15L + index / windows));
    long start = Long.remainderUnsigned(Permutation.mix(epochSeed + 1), stream.size());
    long window = new Permutation(windows, epochSeed).at(index % windows);
    long from = (start + window * windowTokens + part) % stream.size();
    int first = (int) Math.min(tokens + 1L, stream.size() - from);
    stream.copy(from, first, destination);
    if (first < tokens + 1) {
      stream.copy(0, tokens + 1 - first, destination.asSlice(8L * first));
    }
  }

  /// Windows of an epoch: they show as many tokens as the stream holds.
  private long windows(TokenStream stream) {
    return stream.size() / windowTokens;
  }

  /// Splits a round by weight: largest remainders, at least one window each.
  private static int[] shares(double[] weights) {
    if (weights.length > ROUND) {
      throw new IllegalArgumentException(
          "at most " + ROUND + " streams can be mixed: " + weights.length);
    }
    double sum = Arrays.stream(weights).sum();
    int[] share = new int[weights.length];
    int given = 0;
    for (int i = 0; i < share.length; i++) {
      share[i] = Math.max(1, (int) (ROUND * weights[i] / sum));
      given += share[i];
    }
    for (; given != ROUND; given += given < ROUND ? 1 : -1) {
      int best = -1;
      double bestNeed = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < share.length; i++) {
        double need = (ROUND * weights[i] / sum - share[i]) * (given < ROUND ? 1 : -1);
        if (need > bestNeed && (given < ROUND || share[i] > 1)) {
          best = i;
          bestNeed = need;
        }
      }
      share[best] += given < ROUND ? 1 : -1;
    }
    return share;
  }
}
