// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.Section;

/// Where a run stands: what `trainer.json` of a checkpoint holds besides the tensors. Everything
/// random in training follows from the seed, the step's phase and the number of windows it took, so
/// these are the generator's whole state.
///
/// @param step optimizer steps done, skipped ones included
/// @param appliedSteps steps the optimizer applied: what its bias correction counts
/// @param nextWindow index of the next training window, counted from the beginning of the phase
///   that the next step belongs to
/// @param tokens trained on so far
/// @param skippedSteps of the whole run
/// @param skippedInRow steps skipped just before this state
/// @param seed of weights and window order
/// @param seconds of training so far
/// @param corpus fingerprint of the token shards
public record TrainerState(
    long step,
    long appliedSteps,
    long nextWindow,
    long tokens,
    long skippedSteps,
    int skippedInRow,
    long seed,
    double seconds,
    String corpus) {

  /// A run that has not begun.
  public static TrainerState initial(long seed, String corpus) {
    return new TrainerState(0, 0, 0, 0, 0, 0, seed, 0, corpus);
  }

  static TrainerState read(JsonNode tree, String source) {
    if (!(tree instanceof ObjectNode object)) {
      throw new IllegalArgumentException("not a trainer state: " + source);
    }
    Section s = Section.root(object, source);
    for (String key :
        new String[] {"step", "applied_steps", "next_window", "tokens", "seed", "corpus"}) {
      s.require(key);
    }
    TrainerState state =
        new TrainerState(
            s.wholeNumber("step", 0, 0),
            s.wholeNumber("applied_steps", 0, 0),
            s.wholeNumber("next_window", 0, 0),
            s.wholeNumber("tokens", 0, 0),
            s.wholeNumber("skipped_steps", 0, 0),
            s.integer("skipped_in_row", 0, 0),
            s.wholeNumber("seed", 0, 0),
            s.number("seconds", 0, 0, Double.MAX_VALUE),
            s.text("corpus", ""));
    s.done();
    return state;
  }

  void write(ObjectNode tree) {
    tree.put("step", step);
    tree.put("applied_steps", appliedSteps);
    tree.put("next_window", nextWindow);
    tree.put("tokens", tokens);
    tree.put("skipped_steps", skippedSteps);
    tree.put("skipped_in_row", skippedInRow);
    tree.put("seed", seed);
    tree.put("seconds", seconds);
    tree.put("corpus", corpus);
  }
}
