// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static dev.longnet.core.stream.StreamLogits.check;
import static dev.longnet.core.stream.StreamLogits.read;
import static dev.longnet.core.stream.StreamLogits.steps;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Streams at positions far from 0.
class FarPositionsTest {
  @TempDir Path folder;

  /// With the scalar kernels: vector ones may sum lanes in another order once C2 has compiled them.
  @ParameterizedTest
  @CsvSource({"XPOS,10000,1", "ROPE,10000,1", "NONE,10000,1", "XPOS,500000,0.5", "ROPE,300,0.25"})
  void aStartShiftedByPeriodsUpTo2To40ChangesNoBit(
      PositionEncoding positions, int base, double share) throws IOException {
    Random random = new Random(3);
    ModelConfig config =
        TestModels.config(
                positions,
                true,
                new AttentionConfig.Dilated(
                    List.of(new Branch(16, 1), new Branch(64, 3)), HeadOffsets.INTERLEAVED))
            .withPositions(base, share);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 200, random);
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withKernel(KernelChoice.SCALAR));
        StreamSession session = model.newSession();
        StreamState start = model.newStream();
        StreamState late = model.newStream();
        StreamState startSteps = model.newStream();
        StreamState lateSteps = model.newStream()) {
      late.position = 1L << 40;
      float[][] a = read(session, start, tokens, 0, 200);
      float[][] b = read(session, late, tokens, 0, 200);
      assertThat(b).isDeepEqualTo(a);
      assertThat(late.position()).isEqualTo((1L << 40) + 200);
      lateSteps.position = 1L << 40;
      float[][] c = steps(session, startSteps, tokens, 0, 120);
      float[][] d = steps(session, lateSteps, tokens, 0, 120);
      assertThat(d).isDeepEqualTo(c);
      try (StreamState again = savedAndLoaded(lateSteps)) {
        assertThat(again.position()).isEqualTo((1L << 40) + 120);
        assertThat(steps(session, again, tokens, 120, 80))
            .isDeepEqualTo(steps(session, startSteps, tokens, 120, 80));
      }
    }
  }

  /// Where segments have no common multiple below 2^40 positions stay absolute, and only
  /// differences of angles enter.
  @ParameterizedTest
  @CsvSource({"XPOS,10000,1", "ROPE,10000,1", "NONE,10000,1", "XPOS,500000,0.5", "ROPE,300,0.25"})
  void aStartAt2To40WithoutAPeriodIsExactToRounding(
      PositionEncoding positions, int base, double share) throws IOException {
    Random random = new Random(4);
    long large = (1L << 40) + 15;
    ModelConfig config =
        TestModels.config(
                positions,
                true,
                new AttentionConfig.Dilated(
                    List.of(new Branch(16, 1), new Branch(large, 1)), HeadOffsets.INTERLEAVED))
            .withPositions(base, share);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 300, random);
    // Both branches begin a segment at 16 (2^40 + 15) = 0 mod 16, so the past there is empty.
    long start = 16 * large;
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(64));
        StreamSession session = model.newSession();
        StreamState early = model.newStream();
        StreamState late = model.newStream();
        StreamState steps = model.newStream()) {
      late.position = start;
      steps.position = start;
      float[][] a = read(session, early, tokens, 0, 300);
      float[][] b = read(session, late, tokens, 0, 300);
      double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
      check(a, expected, 0, "from 0");
      check(b, expected, 0, "from " + start);
      check(steps(session, steps, tokens, 0, 150), expected, 0, "single tokens from " + start);
      try (StreamState again = savedAndLoaded(steps)) {
        assertThat(again.position()).isEqualTo(start + 150);
        check(
            steps(session, again, tokens, 150, 50),
            expected,
            150,
            "single tokens, saved and loaded");
        check(read(session, again, tokens, 200, 100), expected, 200, "a chunk after them");
      }
    }
  }

  private StreamState savedAndLoaded(StreamState state) throws IOException {
    Path file = folder.resolve("late.state");
    StateFile.save(file, state, Map.of());
    return StateFile.load(file, state.model).state();
  }

  @Test
  void decayNeverOverflowsHoweverLongADenseStream() {
    Random random = new Random(6);
    ModelConfig config =
        new ModelConfig(
            11,
            1,
            8,
            2,
            16,
            Activation.GELU,
            PositionEncoding.XPOS,
            4,
            true,
            true,
            List.of(new AttentionConfig.Dense()));
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 1500, random);
    // 1500 positions / base 4: zeta^-375 = 1e204 if it were taken relative to the first position.
    double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(100));
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      for (int done = 0; done < tokens.length; done += 100) {
        check(read(session, state, tokens, done, 100), expected, done, "dense xPos");
      }
    }
  }
}
