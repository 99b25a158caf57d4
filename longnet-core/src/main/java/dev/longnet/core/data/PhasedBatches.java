// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.config.TrainingPhase;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Training windows of a run whose phases have windows of several lengths.
///
/// All phases share the one order of the longest windows ([Batches]): each takes the next of them,
/// as many as its steps need. A phase of shorter windows cuts its share into pieces and visits the
/// pieces shuffled. So an epoch shows no token twice, whatever the phases, and the windows of one
/// step come from anywhere in the phase's share. Where a window does not divide the longest one,
/// what is left of that is not seen.
public final class PhasedBatches {
  private final Batches longest;
  private final List<Share> shares = new ArrayList<>();
  private final long seed;

  /// What a phase takes of the longest windows.
  ///
  /// @param first the number of the first of them
  /// @param count how many
  /// @param window tokens of a piece
  /// @param pieces of each
  private record Share(long first, long count, int window, int pieces) {}

  /// @param longest windows of `training.window()` tokens
  public PhasedBatches(Batches longest, TrainingConfig training) {
    this.longest = longest;
    this.seed = training.seed();
    long first = 0;
    for (int i = 0; i < training.phases().size(); i++) {
      TrainingPhase phase = training.phases().get(i);
      int pieces = longest.windowTokens() / phase.window();
      long count = Math.ceilDiv(training.steps(i) * phase.windows(), (long) pieces);
      shares.add(new Share(first, count, phase.window(), pieces));
      first += count;
    }
  }

  /// Writes window number `index` of a phase.
  ///
  /// @param index 0, 1, 2, … from the phase's first step on
  /// @param destination [window + 1] int64
  public void window(int phase, long index, MemorySegment destination) {
    part(phase, index, 0, shares.get(phase).window, destination);
  }

  /// Writes a part of window number `index` of a phase, and reads nothing else.
  ///
  /// @param from the part's first token
  /// @param tokens of it
  /// @param destination [tokens + 1] int64
  public void part(int phase, long index, long from, long tokens, MemorySegment destination) {
    Share share = shares.get(phase);
    Objects.checkFromIndexSize(from, tokens, (long) share.window);
    long piece = index;
    if (share.pieces > 1) {
      // A share of no windows is that of a phase without steps.
      long all = Math.max(1, share.count) * share.pieces;
      Permutation order =
          new Permutation(
              all, Permutation.mix(seed ^ 0x70686173L) + phase * 0x9E3779B97F4A7C15L + index / all);
      piece = index / all * all + order.at(index % all);
    }
    longest.part(
        share.first + piece / share.pieces,
        (int) (piece % share.pieces * share.window + from),
        (int) tokens,
        destination);
  }
}
