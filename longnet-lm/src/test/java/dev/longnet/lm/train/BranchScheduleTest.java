// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BranchScheduleTest {
  private static final String LATE = "training.branch_starts=[0, 0.5]";

  @TempDir Path directory;

  /// Twelve steps: the second branch takes part from the seventh on.
  @Test
  void theNearBranchTrainsAloneUntilTheOtherJoins() throws Exception {
    List<Double> near =
        train("near", "model.attention={type: dilated, segment_lengths: [16], dilations: [1]}");
    List<Double> both = train("both");
    List<Double> late = train("late", LATE);
    for (int step = 0; step < 6; step++) {
      // Positions are taken modulo the largest segment, so scores differ by rounding alone.
      assertThat(late.get(step)).as("step %d", step).isCloseTo(near.get(step), within(1e-4));
    }
    assertThat(late.get(0)).isNotCloseTo(both.get(0), within(1e-4));
    assertThat(late.get(6)).isNotCloseTo(near.get(6), within(1e-4));
  }

  @Test
  void aRunResumedOnEitherSideRepeatsTheLosses() throws Exception {
    List<Double> straight = train("straight", LATE);
    for (int stop : new int[] {4, 6, 9}) {
      Path path = directory.resolve("stopped" + stop);
      try (TinyRun run = TinyRun.start(path, LATE, "training.max_steps=" + stop)) {
        run.run();
      }
      try (TinyRun run = TinyRun.resume(path, LATE)) {
        run.run();
        assertThat(run.losses()).isEqualTo(straight.subList(stop, 12));
      }
    }
  }

  @Test
  void theShareOfTheMachineCountsTheBranchesThatTakePart() throws Exception {
    try (TinyRun run = TinyRun.start(directory, LATE)) {
      run.run();
      double before = operations(run.steps.get(5));
      double after = operations(run.steps.get(6));
      assertThat(after).isGreaterThan(before * 1.005);
    }
  }

  private static double operations(StepMetrics step) {
    return step.matrixShare() * step.seconds();
  }

  private List<Double> train(String name, String... overrides) throws Exception {
    try (TinyRun run = TinyRun.start(directory.resolve(name), overrides)) {
      run.run();
      return run.losses();
    }
  }
}
