// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.util.List;
import java.util.stream.IntStream;

/// How many ranks train, and how they share windows out: groups of ranks take different windows,
/// and the ranks of a group one part of neighbouring tokens each of every window of theirs.
///
/// @param ranks all of them
/// @param sequenceRanks S: so many share a window
public record RankMesh(int ranks, int sequenceRanks) {
  /// A run of one rank.
  public static final RankMesh ONE = new RankMesh(1, 1);

  public RankMesh {
    if (ranks < 1) {
      throw new FieldException(
          "%s must be positive: %s", Field.of("ranks"), Field.of("ranks", ranks));
    }
    if (sequenceRanks < 1 || ranks % sequenceRanks != 0) {
      throw new FieldException(
          "%s must divide the number of ranks, %d: %s",
          Field.of("sequenceRanks"), ranks, Field.of("sequenceRanks", sequenceRanks));
    }
  }

  /// Groups of ranks that share windows.
  public int groups() {
    return ranks / sequenceRanks;
  }

  /// The first position of a window's part; that of part S is the window's end.
  public long first(long window, int part) {
    return Math.multiplyExact(window, (long) part) / sequenceRanks;
  }

  /// Where each part of a window begins, and behind them the window's end.
  public long[] boundaries(long window) {
    return IntStream.rangeClosed(0, sequenceRanks).mapToLong(part -> first(window, part)).toArray();
  }

  /// The group that a rank belongs to.
  public int group(int rank) {
    return rank / sequenceRanks;
  }

  /// Tokens of a window's longest part.
  public long mostTokens(long window) {
    return Math.ceilDiv(window, sequenceRanks);
  }

  /// Windows of a step that the group with the most has.
  public long mostWindows(long ofStep) {
    return Math.ceilDiv(ofStep, groups());
  }

  /// Refuses phases that leave ranks without work: each group needs a window a step, each rank a
  /// token of a window.
  public void requireWork(TrainingConfig training) {
    List<TrainingPhase> phases = training.phases();
    for (int i = 0; i < phases.size(); i++) {
      TrainingPhase phase = phases.get(i);
      String of = training.windows().isEmpty() ? "training." : "training.windows[" + i + "].";
      if (lacksTokens(phase)) {
        throw new FieldException(
            "%s must be at least %d, a token for each of the ranks that share a window: %s",
            Field.of(of + "window"), sequenceRanks, Field.of(of + "window", phase.window()));
      }
      if (lacksWindows(phase)) {
        throw new FieldException(
            "%s must be at least %d, a window for each of the %d groups of ranks: %s",
            Field.of(of + "batch_tokens"),
            (long) phase.window() * groups(),
            groups(),
            Field.of(of + "batch_tokens", phase.batchTokens()));
      }
    }
  }

  /// Whether ranks share a window of fewer tokens.
  public boolean lacksTokens(TrainingPhase phase) {
    return phase.window() < sequenceRanks;
  }

  /// Whether groups share out fewer windows of a step.
  public boolean lacksWindows(TrainingPhase phase) {
    return phase.windows() < groups();
  }

  /// `data x sequence`
  @Override
  public String toString() {
    return groups() + " x " + sequenceRanks;
  }
}
