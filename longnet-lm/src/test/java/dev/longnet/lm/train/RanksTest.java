// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The trainer with ranks: what is divided by what, who writes, who stops whom.
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

  /// One rank with a part of each window.
  private static final class PartRank extends AloneRank {
    private final Span part;

    PartRank(Span part) {
      this.part = part;
    }

    @Override
    public Span span(long window) {
      return part;
    }
  }

  private static final class SilentRank extends AloneRank {
    @Override
    public boolean writes() {
      return false;
    }
  }

  private List<Double> losses(String name, Ranks ranks) throws IOException {
    try (TinyRun run = TinyRun.with(directory.resolve(name), ranks, TWO_STEPS)) {
      run.run();
      return run.losses();
    }
  }

  /// The mean is over the span's own targets, where a rank is alone with its part.
  @Test
  void aPartOfAWindowCountsItsOwnTargets() throws IOException {
    double first = losses("first", new PartRank(new Span(0, 16, 64))).getFirst();
    double last = losses("last", new PartRank(new Span(16, 48, 64))).getFirst();
    double whole = losses("whole", Ranks.one()).getFirst();
    assertThat((16 * first + 48 * last) / 64).isCloseTo(whole, Offset.offset(1e-6));
    assertThat(first).isNotCloseTo(whole, Offset.offset(1e-4));
  }

  @Test
  void onlyTheRankThatWritesWrites() throws IOException {
    losses("silent", new SilentRank());
    assertThat(directory.resolve("silent")).doesNotExist();
    losses("loud", Ranks.one());
    assertThat(Checkpoint.list(directory.resolve("loud"))).hasSize(1);
    assertThat(directory.resolve("loud/metrics.jsonl")).exists();
    assertThat(directory.resolve("loud/recipe.yaml")).exists();
  }

  /// The silent rank is asked, the other one writes; both are in one directory.
  @Test
  void aStopAskedForOnOneRankStopsAllAtTheSameStep() throws Exception {
    List<MeshRuns.Ended> ended =
        MeshRuns.run(
            directory.resolve("run"),
            false,
            2,
            1,
            (rank, run) -> {
              if (rank == 1) {
                run.atStep(2, run.training::requestStop);
              }
            });
    assertThat(ended).extracting(MeshRuns.Ended::end).containsOnly(Trainer.End.STOPPED);
    assertThat(ended.get(0).losses()).hasSize(2).isEqualTo(ended.get(1).losses());
    assertThat(Checkpoint.resolve(directory.resolve("run")).state().orElseThrow().step())
        .isEqualTo(2);
  }

  @Test
  void theTimeLimitOfOneRankIsThatOfAll() throws Exception {
    List<MeshRuns.Ended> ended =
        MeshRuns.run(
            directory.resolve("run"),
            false,
            1,
            3,
            (_, _) -> {},
            rank -> new String[] {"training.max_minutes=" + (rank == 2 ? 1e-7 : 1000)});
    assertThat(ended).extracting(MeshRuns.Ended::end).containsOnly(Trainer.End.TIME_UP);
    assertThat(ended).allSatisfy(rank -> assertThat(rank.steps()).isEmpty());
  }
}
