// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The trainer with ranks: what is summed, what it is divided by, and who writes.
class RanksTest {
  /// Segments of 8 and 16 in windows of 64: nothing crosses a multiple of 16.
  private static final String[] TWO_STEPS = {
    "model.attention.segment_lengths=[8, 16]", "training.steps=2", "schedule.warmup_steps=1"
  };

  @TempDir Path directory;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  /// Of `of` ranks that all hold the same tokens: sums of `of` equal parts.
  private record Copies(int of, boolean writes, Span part) implements Ranks {
    @Override
    public Span span(long window) {
      return part == null ? Span.whole(window) : part;
    }

    @Override
    public void sum(Collection<Tensor> gradients) {
      gradients.forEach(gradient -> gradient.mul_(new Scalar((double) of)));
    }

    @Override
    public double sum(double ofThisRank) {
      return of * ofThisRank;
    }
  }

  private List<StepMetrics> steps(String name, Ranks ranks) throws IOException {
    try (TinyRun run = TinyRun.with(directory.resolve(name), ranks, TWO_STEPS)) {
      run.run();
      return List.copyOf(run.steps);
    }
  }

  private List<Double> losses(String name, Ranks ranks) throws IOException {
    return steps(name, ranks).stream().map(StepMetrics::loss).toList();
  }

  /// Summed over four ranks and divided once, equal parts are what one of them is; a mean of means,
  /// or a division left out, is not.
  @Test
  void sumsAreDividedByTheTargetsOfAllRanks() throws IOException {
    List<StepMetrics> one = steps("one", Ranks.one());
    List<StepMetrics> four = steps("four", new Copies(4, true, null));
    assertThat(four).hasSize(2);
    for (int i = 0; i < 2; i++) {
      assertThat(four.get(i).loss()).isCloseTo(one.get(i).loss(), Offset.offset(1e-6));
      // Adam forgets a gradient's scale, the norm does not.
      assertThat(four.get(i).gradientNorm())
          .isCloseTo(one.get(i).gradientNorm(), Offset.offset(1e-5 * one.get(i).gradientNorm()));
    }
  }

  /// The mean is over the span's own targets, where a rank is alone with its part.
  @Test
  void aPartOfAWindowCountsItsOwnTargets() throws IOException {
    double first = losses("first", new Copies(1, true, new Span(0, 16, 64))).getFirst();
    double last = losses("last", new Copies(1, true, new Span(16, 48, 64))).getFirst();
    double whole = losses("whole", Ranks.one()).getFirst();
    assertThat((16 * first + 48 * last) / 64).isCloseTo(whole, Offset.offset(1e-6));
    assertThat(first).isNotCloseTo(whole, Offset.offset(1e-4));
  }

  @Test
  void onlyTheRankThatWritesWrites() throws IOException {
    losses("silent", new Copies(1, false, null));
    assertThat(directory.resolve("silent")).doesNotExist();
    losses("loud", new Copies(1, true, null));
    assertThat(Checkpoint.list(directory.resolve("loud"))).hasSize(1);
    assertThat(directory.resolve("loud/metrics.jsonl")).exists();
    assertThat(directory.resolve("loud/recipe.yaml")).exists();
  }

  /// The silent rank is asked, the other one writes; both are in one directory.
  @Test
  void aStopAskedForOnOneRankStopsAllAtTheSameStep() throws Exception {
    TwoRanks ranks = new TwoRanks();
    List<TwoRanks.Ended> ended =
        ranks.train(
            rank -> TinyRun.with(directory.resolve("run"), rank),
            (rank, step, run) -> {
              if (rank == 1 && step == 2) {
                run.training.requestStop();
              }
            });
    assertThat(ended)
        .extracting(TwoRanks.Ended::end)
        .containsExactly(Trainer.End.STOPPED, Trainer.End.STOPPED);
    assertThat(ended.get(0).losses()).hasSize(2).isEqualTo(ended.get(1).losses());
    assertThat(Checkpoint.resolve(directory.resolve("run")).state().orElseThrow().step())
        .isEqualTo(2);
  }

  @Test
  void theTimeLimitOfOneRankIsThatOfAll() throws Exception {
    TwoRanks ranks = new TwoRanks();
    List<TwoRanks.Ended> ended =
        ranks.train(
            rank ->
                TinyRun.with(
                    directory.resolve("run"),
                    rank,
                    "training.max_minutes=" + (rank.writes() ? 1000 : 1e-7)),
            (_, _, _) -> {});
    assertThat(ended)
        .containsExactly(
            new TwoRanks.Ended(Trainer.End.TIME_UP, List.of()),
            new TwoRanks.Ended(Trainer.End.TIME_UP, List.of()));
  }
}
