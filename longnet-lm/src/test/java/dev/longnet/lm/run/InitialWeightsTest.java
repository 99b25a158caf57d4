// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.attention.JavaAttentionOperator;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.train.CheckpointTensors;
import dev.longnet.lm.train.TinyRun;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A dense checkpoint goes on as LongNet.
class InitialWeightsTest {
  private static final String DENSE = "model.attention={type: dense}";

  @TempDir static Path directory;
  private static Path dense;

  @BeforeAll
  static void trainDenseModel() throws IOException {
    Torch.load();
    dense = directory.resolve("dense");
    try (TinyRun run =
        TinyRun.start(
            dense,
            DENSE,
            "training.steps=150",
            "checkpoint.every_steps=150",
            "optimizer.learning_rate=1e-2")) {
      run.run();
    }
  }

  private static RunConfig recipe(String... overrides) throws IOException {
    return TinyRun.config(overrides);
  }

  private static double loss(ModelConfig config, Checkpoint weights, int length)
      throws IOException {
    AttentionOperator.Factory operators =
        (attention, causal) ->
            new JavaAttentionOperator(
                DilatedAttention.of(attention.pattern(causal), AttentionOptions.defaults()),
                GradientMode.EXACT);
    try (PointerScope _ = new PointerScope();
        Arena arena = Arena.ofConfined();
        Decoder model = Decoder.create(config, ModelOptions.cpu(), operators, 5)) {
      if (weights != null) {
        CheckpointTensors.load(weights, model);
      }
      double sum = 0;
      for (int i = 0; i < 16; i++) {
        MemorySegment window = arena.allocate(8L * (length + 1), 8);
        TinyRun.window(1_000_000 + i, window);
        sum +=
            model
                .losses(TensorMemory.view(window, ScalarType.Long, 1, length + 1))
                .mean()
                .item_double();
      }
      return sum / 16;
    }
  }

  @Test
  void startsFromTheDenseModelsLossAtShortLengths() throws IOException {
    Checkpoint trained = Checkpoint.resolve(dense);
    ModelConfig longNet =
        InitialWeights.apply(
                recipe(
                    "model.attention={type: dilated, segment_lengths: [64, 256], dilations: [1, 4]}"),
                trained,
                List.of())
            .model();
    double before = loss(trained.model(), trained, 64);
    double random = loss(longNet, null, 64);
    double after = loss(longNet, trained, 64);
    // What there is to keep: the model has learnt far more than a new one knows.
    assertThat(before).isLessThan(random - 1);
    // Within the first segment every key is there; those the second branch keeps too count twice.
    assertThat(after).isBetween(before - 0.1, before + 0.1);
  }

  @Test
  void isTheDenseModelWhereOneSegmentHoldsTheSequence() throws IOException {
    Checkpoint trained = Checkpoint.resolve(dense);
    ModelConfig longNet =
        InitialWeights.apply(
                recipe("model.attention={type: dilated, segment_lengths: [64], dilations: [1]}"),
                trained,
                List.of())
            .model();
    double before = loss(trained.model(), trained, 64);
    assertThat(Math.abs(loss(longNet, trained, 64) - before)).isLessThan(1e-5 * before);
  }

  @Test
  void theModelIsTheCheckpointsAndTheAttentionTheRecipes() throws IOException {
    Checkpoint trained = Checkpoint.resolve(dense);
    RunConfig config =
        InitialWeights.apply(
            recipe("model.hidden=64", "training.seed=9"), trained, List.of("training.seed=9"));
    assertThat(config.model().hidden()).isEqualTo(32);
    assertThat(config.model().mixers()).isEqualTo(recipe().model().mixers());
    assertThat(config.training().seed()).isEqualTo(9);
    assertThatThrownBy(() -> InitialWeights.apply(recipe(), trained, List.of("model.hidden=64")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.hidden=64");
    assertThatThrownBy(
            () -> InitialWeights.apply(recipe("corpus.tokenizer=cl100k_base"), trained, List.of()))
        .hasMessageContaining("corpus.tokenizer=bytes");
  }
}
