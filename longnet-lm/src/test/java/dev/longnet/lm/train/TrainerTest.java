// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntPredicate;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {
  @TempDir Path directory;

  @Test
  void theLossFalls() throws Exception {
    try (TinyRun run = TinyRun.start(directory, "training.steps=60")) {
      assertThat(run.run()).isEqualTo(Trainer.End.FINISHED);
      assertThat(run.losses().getFirst()).isCloseTo(Math.log(257), within(0.7));
      assertThat(run.losses().getLast()).isLessThan(3.1);
      assertThat(run.steps.getLast().tokens()).isEqualTo(60 * 256);
      assertThat(run.steps.getFirst().learningRate()).isEqualTo(1e-3);
    }
  }

  @Test
  void aSeedRepeatsItsLossesAndAnotherDoesNot() throws Exception {
    List<Double> first = train("a");
    assertThat(train("b")).isEqualTo(first);
    assertThat(train("c", "training.seed=4")).isNotEqualTo(first);
  }

  @Test
  void resumingGivesTheLossesOfARunThatWasNeverInterrupted() throws Exception {
    List<Double> straight = train("straight");
    Path interrupted = directory.resolve("interrupted");
    try (TinyRun run = TinyRun.start(interrupted, "training.max_steps=5")) {
      run.run();
      assertThat(run.losses()).isEqualTo(straight.subList(0, 5));
    }
    try (TinyRun run = TinyRun.resume(interrupted)) {
      run.run();
      assertThat(run.losses()).isEqualTo(straight.subList(5, 12));
      assertThat(run.training.state().step()).isEqualTo(12);
    }
  }

  private static final String PHASES =
      "training.windows=[{until: 0.3, window: 16, batch_tokens: 64, branches: 1}, "
          + "{until: 0.6, window: 32, learning_rate_factor: 0.5}, {window: 64}]";

  /// Steps 1 to 4, 5 to 8 and 9 to 12 are the phases: stopped within one and between two.
  @Test
  void aRunResumesInThePhaseWhereItStood() throws Exception {
    List<Double> straight = train("straight", PHASES);
    for (int stop : new int[] {3, 4, 6, 8}) {
      Path interrupted = directory.resolve("interrupted" + stop);
      try (TinyRun run = TinyRun.start(interrupted, PHASES, "training.max_steps=" + stop)) {
        run.run();
        assertThat(run.losses()).isEqualTo(straight.subList(0, stop));
      }
      try (TinyRun run = TinyRun.resume(interrupted, PHASES)) {
        run.run();
        assertThat(run.losses()).as("after step %d", stop).isEqualTo(straight.subList(stop, 12));
      }
    }
  }

  @Test
  void aPhaseHasWindowsTokensAndARateOfItsOwn() throws Exception {
    try (TinyRun run =
        TinyRun.start(
            directory, PHASES, "schedule.decay=constant", "schedule.warmup_steps=0",
            "evaluation.every_steps=4")) {
      assertThat(run.run()).isEqualTo(Trainer.End.FINISHED);
      assertThat(run.steps)
          .extracting(StepMetrics::window)
          .containsExactly(16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64);
      assertThat(run.steps)
          .extracting(StepMetrics::tokens)
          .containsExactly(
              64L, 128L, 192L, 256L, 512L, 768L, 1024L, 1280L, 1536L, 1792L, 2048L, 2304L);
      assertThat(run.steps)
          .extracting(StepMetrics::learningRate)
          .containsExactly(
              3e-3, 3e-3, 3e-3, 3e-3, 1.5e-3, 1.5e-3, 1.5e-3, 1.5e-3, 3e-3, 3e-3, 3e-3, 3e-3);
      assertThat(run.validated).containsExactly(16, 32, 64);
      assertThat(run.training.state().nextWindow()).as("of the last phase").isEqualTo(16);
      assertThat(Checkpoint.resolve(directory).trainedLength()).isEqualTo(64);
    }
  }

  /// The first phase's passes have 16 times the tokens of the second's.
  @Test
  void memoryOfAnEarlierPhaseGoesBack() throws Exception {
    String large =
        "training.windows=[{until: 0.5, window: 64, sequences: 256, batch_tokens: 16384}, "
            + "{window: 64, sequences: 16, batch_tokens: 1024}]";
    try (TinyRun run = TinyRun.start(directory, large, "training.steps=2", "schedule.warmup_steps=0", "model.hidden=64")) {
      run.run();
      assertThat(run.workspaces.get(1)).isLessThan(run.workspaces.get(0));
    }
  }

  @Test
  void accumulatedGradientsAreThoseOfTheWholeBatch() throws Exception {
    List<Double> four = train("four", "training.sequences=1");
    List<Double> one = train("one", "training.sequences=4");
    for (int i = 0; i < one.size(); i++) {
      assertThat(four.get(i)).isCloseTo(one.get(i), within(2e-4));
    }
  }

  @Test
  void aStepThatIsNotFiniteChangesNothingAndIsCounted() throws Exception {
    // Two layers forward per pass, two passes per step: step 3 is calls 8 to 11.
    try (TinyRun run = poisoned(call -> call == 9, "training.steps=5")) {
      assertThat(run.run()).isEqualTo(Trainer.End.FINISHED);
      assertThat(run.steps.stream().map(StepMetrics::skipped))
          .containsExactly(false, false, true, false, false);
      assertThat(run.steps.get(2).loss()).isNaN();
      assertThat(run.steps.get(4).loss()).isFinite();
      assertThat(run.training.state().skippedSteps()).isEqualTo(1);
      assertThat(run.training.state().appliedSteps()).isEqualTo(4);
    }
  }

  @Test
  void severalInARowStopTheRunAndKeepItsLastGoodCheckpoint() throws Exception {
    try (TinyRun run =
        poisoned(call -> call >= 12, "checkpoint.every_steps=1", "training.skip_limit=3")) {
      assertThat(run.run()).isEqualTo(Trainer.End.NOT_FINITE);
      assertThat(run.training.state().step()).isEqualTo(6);
      assertThat(Checkpoint.resolve(directory).state().orElseThrow().step()).isEqualTo(3);
      assertThat(firstWeight(run)).isFinite();
    }
  }

  @Test
  void aLastStepThatIsSkippedLeavesTheWeightsBeforeItInACheckpoint() throws Exception {
    try (TinyRun run =
        poisoned(
            call -> call >= 16,
            "training.steps=5",
            "checkpoint.every_steps=0",
            "checkpoint.every_minutes=0")) {
      assertThat(run.run()).isEqualTo(Trainer.End.FINISHED);
      assertThat(run.steps.getLast().skipped()).isTrue();
      TrainerState saved = Checkpoint.resolve(directory).state().orElseThrow();
      assertThat(saved.step()).isEqualTo(5);
      assertThat(saved.appliedSteps()).isEqualTo(4);
    }
  }

  @Test
  void aStopGivesUpTheStepUnderWayAndSavesTheOneBefore() throws Exception {
    List<Double> straight = train("straight");
    Path stopped = directory.resolve("stopped");
    TinyRun[] self = new TinyRun[1];
    AttentionOperator real = TinyRun.attention(TinyRun.config());
    AttentionOperator stopping =
        new Poison(real, call -> call == 13, () -> self[0].training.requestStop());
    try (TinyRun run = TinyRun.with(stopped, stopping)) {
      self[0] = run;
      assertThat(run.run()).isEqualTo(Trainer.End.STOPPED);
      assertThat(run.training.state().step()).isEqualTo(3);
    }
    try (TinyRun run = TinyRun.resume(stopped)) {
      run.run();
      assertThat(run.losses()).isEqualTo(straight.subList(3, 12));
    }
  }

  @Test
  void stepsLeaveNoNativeMemoryBehind() throws Exception {
    try (TinyRun run = TinyRun.start(directory, "training.steps=40", "evaluation.every_steps=2")) {
      run.run();
      // Every second step evaluates. A collection may free what earlier tests left; a leak shows as
      // growth at each step.
      for (int step = 11; step < 40; step++) {
        assertThat(run.pointers.get(step))
            .as("step %d", step)
            .isLessThanOrEqualTo(run.pointers.get(step - 2));
      }
    }
  }

  private List<Double> train(String name, String... overrides) throws Exception {
    try (TinyRun run = TinyRun.start(directory.resolve(name), overrides)) {
      run.run();
      return run.losses();
    }
  }

  private TinyRun poisoned(IntPredicate calls, String... overrides) throws Exception {
    AttentionOperator real = TinyRun.attention(TinyRun.config());
    return TinyRun.with(directory, new Poison(real, calls, null), overrides);
  }

  private static float firstWeight(TinyRun run) {
    return TensorMemory.of(run.training.model().parameters().firstEntry().getValue())
        .get(ValueLayout.JAVA_FLOAT, 0);
  }

  /// Attention whose n-th forward call runs something, or returns NaN.
  private static final class Poison implements AttentionOperator {
    private final AttentionOperator real;
    private final IntPredicate calls;
    private final Runnable action;
    private int call;

    Poison(AttentionOperator real, IntPredicate calls, Runnable action) {
      this.real = real;
      this.calls = calls;
      this.action = action;
    }

    @Override
    public Output forward(Tensor q, Tensor k, Tensor v) {
      Output output = real.forward(q, k, v);
      if (calls.test(call++)) {
        if (action != null) {
          action.run();
        } else {
          output.out().fill_(new Scalar(Double.NaN));
        }
      }
      return output;
    }

    @Override
    public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
      return real.backward(q, k, v, output, gradOut);
    }

    @Override
    public String describe() {
      return "poisoned " + real.describe();
    }
  }
}
