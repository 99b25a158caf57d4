// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.OptionalInt;

/// A part of a run with windows of one length.
///
/// @param until share of the run's steps after which the next phase begins; 1 in the last one
/// @param window N: tokens of one training sequence
/// @param sequences sequences that go through the model at once (B)
/// @param batchTokens tokens of one optimizer step, a multiple of `window * sequences`
/// @param learningRateFactor of what the schedule says
/// @param branches of dilated attention that take part; empty: as elsewhere said
public record TrainingPhase(
    double until,
    int window,
    int sequences,
    long batchTokens,
    double learningRateFactor,
    OptionalInt branches) {
  /// Tokens of one pass through the model.
  public long passTokens() {
    return (long) window * sequences;
  }

  /// Passes through the model a step: gradients of all of them are summed before the optimizer
  /// moves.
  public int passes() {
    return Math.toIntExact(batchTokens / passTokens());
  }

  /// Windows of a step.
  public long windows() {
    return batchTokens / window;
  }

  /// Whether passes are of one shape, so that one's memory serves the other.
  public boolean sameShape(TrainingPhase other) {
    return window == other.window && sequences == other.sequences;
  }

  /// @param s one of `training.windows`
  /// @param before the end of the phase before; 0 for the first
  /// @param last whether no other follows
  /// @param whole what `training` says of the longest window, whose values are the defaults here
  static TrainingPhase read(Section s, double before, boolean last, TrainingPhase whole) {
    int window = s.requiredInteger("window", 2);
    double until = until(s, before, last);
    long batchTokens = s.wholeNumber("batch_tokens", whole.batchTokens, 1);
    int sequences = s.integer("sequences", sequences(batchTokens, window, whole), 1);
    long pass = (long) window * sequences;
    if (batchTokens % pass != 0) {
      throw s.wrong(
          "batch_tokens",
          s.has("batch_tokens")
              ? "must be a multiple of window x sequences = " + pass
              : "must be given where training.batch_tokens="
                  + batchTokens
                  + " is no multiple of window x sequences = "
                  + pass);
    }
    TrainingPhase phase =
        new TrainingPhase(
            until,
            window,
            sequences,
            batchTokens,
            s.number("learning_rate_factor", 1, 0, 100),
            s.has("branches") ? OptionalInt.of(s.integer("branches", 1, 1)) : OptionalInt.empty());
    s.done();
    return phase;
  }

  /// As many as make a step's passes equal, and none larger than those of the longest window.
  private static int sequences(long batchTokens, int window, TrainingPhase whole) {
    long windows = Math.max(1, batchTokens / window);
    long sequences = Math.clamp(whole.passTokens() / window, 1, windows);
    while (windows % sequences != 0) {
      sequences--;
    }
    return Math.toIntExact(sequences);
  }

  private static double until(Section s, double before, boolean last) {
    if (last) {
      if (s.number("until", 1, 0, 1) != 1) {
        throw s.wrong("until", "must be 1 in the last phase, or absent");
      }
      return 1;
    }
    s.require("until");
    double until = s.number("until", 0, 0, 1);
    if (until <= before || until >= 1) {
      throw s.wrong(
          "until",
          before == 0
              ? "must be above 0 and below 1"
              : "must be above the " + before + " of the phase before and below 1");
    }
    return until;
  }
}
