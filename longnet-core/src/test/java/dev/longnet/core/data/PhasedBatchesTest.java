// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PhasedBatchesTest {
  private static final int TOKENS = 8192;
  private static final TokenStream COUNTING = TokenStream.of(IntStream.range(0, TOKENS).toArray());

  @TempDir Path directory;

  /// @param windows the keys of `training`
  private TrainingConfig training(String windows) throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("r.yaml"),
            """
            corpus: {sources: [src], tokenizer: bytes}
            model: {layers: 1, hidden: 8, heads: 2, attention: {type: dense}}
            training: {%s, seed: 5}
            """
                .formatted(windows));
    return Recipes.load(file.toString(), List.of(), Tokenizers::vocabularySize).training();
  }

  private static PhasedBatches batches(TrainingConfig training) {
    return new PhasedBatches(new Batches(COUNTING, training.window(), training.seed()), training);
  }

  private static long[] window(PhasedBatches batches, int phase, long index, int length) {
    long[] ids = new long[length + 1];
    batches.window(phase, index, MemorySegment.ofArray(ids));
    for (int i = 0; i < length; i++) {
      assertThat(ids[i + 1]).as("text as it stands").isEqualTo((ids[i] + 1) % TOKENS);
    }
    return ids;
  }

  /// Every token that a run shows, phase by phase: 16, 32 and 16 windows of 64 tokens, 2,048 in all
  /// of each.
  @Test
  void noTokenComesTwiceInAnEpochWhateverThePhases() throws IOException {
    TrainingConfig training =
        training(
            "windows: [{until: 0.25, window: 16}, {until: 0.5, window: 64}, "
                + "{until: 0.75, window: 256}, {window: 64}], steps: 32");
    PhasedBatches batches = batches(training);
    int[] seen = new int[TOKENS];
    for (int phase = 0; phase < 4; phase++) {
      int length = training.phases().get(phase).window();
      long windows = training.steps(phase) * training.phases().get(phase).windows();
      for (long i = 0; i < windows; i++) {
        long[] ids = window(batches, phase, i, length);
        for (int j = 0; j < length; j++) {
          seen[(int) ids[j]]++;
        }
      }
    }
    assertThat(seen).as("32 steps of 256 tokens are one epoch").containsOnly(1);
  }

  @Test
  void aStepsShortWindowsComeFromEverywhere() throws IOException {
    TrainingConfig training =
        training("windows: [{until: 0.5, window: 16}, {window: 256}], steps: 32");
    PhasedBatches batches = batches(training);
    List<Long> far = new ArrayList<>();
    for (int i = 1; i < 16; i++) {
      long before = window(batches, 0, i - 1, 16)[0];
      far.add(Math.abs(window(batches, 0, i, 16)[0] - before));
    }
    assertThat(far.stream().filter(distance -> distance > 256).count()).isGreaterThan(8);
  }

  @Test
  void withoutPhasesTheyAreTheBatchesThemselves() throws IOException {
    TrainingConfig training = training("window: 256, steps: 32");
    PhasedBatches batches = batches(training);
    Batches plain = new Batches(COUNTING, 256, training.seed());
    for (long i : new long[] {0, 7, 31, 100}) {
      long[] ids = new long[257];
      plain.window(i, MemorySegment.ofArray(ids));
      assertThat(window(batches, 0, i, 256)).isEqualTo(ids);
    }
  }

  @Test
  void windowsAreAFunctionOfSeedPhaseAndNumber() throws IOException {
    TrainingConfig training =
        training("windows: [{until: 0.5, window: 60, batch_tokens: 240}, {window: 256}], steps: 8");
    PhasedBatches batches = batches(training);
    long[] late = window(batches, 0, 9, 60);
    window(batches, 1, 0, 256);
    assertThat(window(batches(training), 0, 9, 60)).isEqualTo(late);
    // 16 windows of 60 tokens, four of each of four longer ones.
    long[] starts = new long[16];
    for (int i = 0; i < 16; i++) {
      starts[i] = window(batches, 0, i, 60)[0];
    }
    assertThat(Arrays.stream(starts).distinct().count()).isEqualTo(16);
    assertThat(window(batches, 0, 16, 60)[0])
        .as("more steps go on")
        .isNotIn(Arrays.stream(starts).boxed().toArray());
  }
}
