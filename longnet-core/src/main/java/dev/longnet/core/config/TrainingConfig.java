// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/// How much is trained, in which portions.
///
/// @param window N: tokens of one training sequence; of several phases the longest
/// @param sequences sequences that go through the model at once (B)
/// @param batchTokens tokens of one optimizer step; gradients of `batchTokens / (window *
///   sequences)` passes are summed
/// @param windows phases with windows of their own, see [#phases()]; empty: `window` throughout
/// @param steps optimizer steps of the whole run
/// @param maxSteps a run stops, with a checkpoint, after this step, though its schedule goes on; 0:
///   no bound
/// @param maxMinutes a run stops, with a checkpoint, this long after it started or resumed; 0: no
///   bound
/// @param gradientClip largest norm of all gradients together; 0: no clipping
/// @param skipLimit consecutive steps with a non-finite loss or gradient norm after which the run
///   stops
/// @param branchStarts the share of all steps after which each branch of dilated attention joins,
///   never falling, the first 0; empty: all branches from the first step on. Few keys are learned
///   from faster than many: the near branch alone first.
/// @param seed initial weights and order of the windows follow from it
/// @param inductionHeads heads of each layer, the first ones, whose initial weights look for what
///   was read before
/// @param virtualShards so many ranks train, in however many processes: any number that divides it
///   gives the same bits; 0: a rank a process
public record TrainingConfig(
    int window,
    int sequences,
    long batchTokens,
    List<TrainingPhase> windows,
    long steps,
    long maxSteps,
    double maxMinutes,
    double gradientClip,
    int skipLimit,
    List<Double> branchStarts,
    long seed,
    int inductionHeads,
    int virtualShards) {

  public TrainingConfig {
    windows = List.copyOf(windows);
    branchStarts = List.copyOf(branchStarts);
    long pass = (long) window * sequences;
    if (windows.isEmpty() && batchTokens % pass != 0) {
      throw new IllegalArgumentException(
          "training.batch_tokens must be a multiple of training.window x training.sequences = "
              + pass
              + ": training.batch_tokens="
              + batchTokens);
    }
  }

  static TrainingConfig read(Section s) {
    List<Section> parts = s.sections("windows");
    if (!parts.isEmpty() && s.has("window")) {
      throw s.wrong("window", "must not stand beside training.windows");
    }
    int window =
        parts.isEmpty()
            ? s.requiredInteger("window", 2)
            : parts.stream().mapToInt(part -> part.requiredInteger("window", 2)).max().orElse(0);
    int sequences = s.integer("sequences", 1, 1);
    long batchTokens =
        s.wholeNumber("batch_tokens", Math.multiplyExact((long) window, sequences), 1);
    TrainingPhase whole =
        new TrainingPhase(1, window, sequences, batchTokens, 1, OptionalInt.empty());
    List<TrainingPhase> windows = new ArrayList<>();
    double before = 0;
    for (Section part : parts) {
      boolean last = windows.size() == parts.size() - 1;
      TrainingPhase phase = TrainingPhase.read(part, before, last, whole);
      before = phase.until();
      windows.add(phase);
    }
    s.require("steps");
    TrainingConfig result =
        new TrainingConfig(
            window,
            sequences,
            batchTokens,
            windows,
            s.wholeNumber("steps", 1, 1),
            s.wholeNumber("max_steps", 0, 0),
            s.number("max_minutes", 0, 0, 1e9),
            s.number("gradient_clip", 2.0, 0, Double.MAX_VALUE),
            s.integer("skip_limit", 5, 1),
            s.numbers("branch_starts", 0, 1),
            s.wholeNumber("seed", 1, 0),
            s.integer("induction_heads", 0, 0),
            s.integer("virtual_shards", 0, 0));
    List<Double> starts = result.branchStarts;
    for (int i = 0; i < starts.size(); i++) {
      if (starts.get(i) < (i == 0 ? 0 : starts.get(i - 1))
          || starts.get(i) >= 1
          || i == 0 && starts.get(0) != 0) {
        throw s.wrong("branch_starts", "must begin with 0, never fall, and stay below 1");
      }
    }
    if (Integer.bitCount(result.virtualShards) > 1) {
      throw s.wrong("virtual_shards", "must be a power of two, or 0");
    }
    if (!starts.isEmpty() && windows.stream().anyMatch(phase -> phase.branches().isPresent())) {
      throw s.wrong("branch_starts", "must be [] where training.windows name branches");
    }
    s.done();
    return result;
  }

  /// The branches that each phase names, against those of the model.
  ///
  /// @param s what this was read from
  void requireBranches(Section s, int all) {
    List<Section> parts = s.sections("windows");
    int before = 0;
    for (int i = 0; i < windows.size(); i++) {
      OptionalInt own = windows.get(i).branches();
      if (own.orElse(all) > all) {
        throw parts.get(i).wrong("branches", "must be at most the " + all + " of the mixers");
      }
      if (own.orElse(all) < before) {
        throw parts
            .get(i)
            .wrong("branches", "must not be below the " + before + " of the phase before");
      }
      if (own.orElse(all) < all && i == windows.size() - 1) {
        throw parts.get(i).wrong("branches", "must be all " + all + " in the last phase");
      }
      before = own.orElse(all);
    }
  }

  /// The step after which this run ends.
  public long lastStep() {
    return maxSteps == 0 ? steps : Math.min(steps, maxSteps);
  }

  /// At least one, in order.
  public List<TrainingPhase> phases() {
    return windows.isEmpty()
        ? List.of(new TrainingPhase(1, window, sequences, batchTokens, 1, OptionalInt.empty()))
        : windows;
  }

  /// The number of the phase that a step belongs to.
  ///
  /// @param step 0 for the run's first
  public int phase(long step) {
    int phase = 0;
    while (phase < windows.size() - 1 && step >= firstStep(phase + 1)) {
      phase++;
    }
    return phase;
  }

  /// The first step of a phase; that of the phase after where it has none.
  ///
  /// @param phase its number; that of phases: the end of the run
  public long firstStep(int phase) {
    return phase == 0
        ? 0
        : phase >= windows.size()
            ? steps
            : // 0.55 * 100 is a little more than 55.
            (long) Math.ceil(windows.get(phase - 1).until() * steps - 1e-6);
  }

  /// Steps of a phase.
  public long steps(int phase) {
    return firstStep(phase + 1) - firstStep(phase);
  }

  /// Branches of dilated attention that take part in a step.
  ///
  /// @param step 0 for the first
  /// @param of all of them
  public int branches(long step, int of) {
    if (!branchStarts.isEmpty()) {
      return (int) branchStarts.stream().filter(start -> step >= start * steps).count();
    }
    return phases().get(phase(step)).branches().orElse(of);
  }
}
