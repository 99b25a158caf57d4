// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Residence;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A run whose ranks hold parameters for one another is the run whose ranks hold all.
class ShardedParametersTest {
  /// One pass a step on each mesh below.
  private static final String[] RUN = {
    "training.steps=6",
    "training.sequences=4",
    "training.gradient_clip=0.5",
    "runtime.threads=1",
    "model.tied_output=false",
    "model.short_convolution=4"
  };

  @TempDir Path directory;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  private static String[] with(String... more) {
    return MeshRuns.with(RUN, more);
  }

  private static String[] sharded(String... more) {
    return MeshRuns.with(with(more), "runtime.shard_parameters=true");
  }

  private Path file(String run, String name) throws IOException {
    return Checkpoint.resolve(directory.resolve(run)).directory().resolve(name);
  }

  private void sameFiles() throws IOException {
    for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
      assertThat(file("sharded", name)).hasSameBinaryContentAs(file("whole", name));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,2,fp32", "1,3,fp32", "2,1,fp32", "2,2,fp32", "5,1,fp32", "1,2,bf16", "2,2,bf16"})
  void itHasTheSameBits(int groups, int shards, String precision) throws Exception {
    String[] more = {"runtime.precision=" + precision};
    List<MeshRuns.Ended> whole =
        MeshRuns.run(directory.resolve("whole"), groups, shards, with(more));
    List<MeshRuns.Ended> many =
        MeshRuns.run(directory.resolve("sharded"), groups, shards, sharded(more));
    for (int rank = 0; rank < many.size(); rank++) {
      assertThat(many.get(rank).losses()).isEqualTo(whole.get(rank).losses());
    }
    sameFiles();
  }

  @Test
  void withActivationCheckpointingToo() throws Exception {
    String[] more = {"runtime.activation_checkpointing=true"};
    MeshRuns.run(directory.resolve("whole"), 1, 3, with(more));
    MeshRuns.run(directory.resolve("sharded"), 1, 3, sharded(more));
    sameFiles();
  }

  /// Sums over passes and ranks are in another order then: a few roundings of float32, as in
  /// [MeshTest].
  @ParameterizedTest
  @CsvSource({"1,2", "3,1"})
  void soAreStepsOfSeveralPasses(int groups, int shards) throws Exception {
    String[] more = {"training.sequences=1"};
    MeshRuns.Ended whole =
        MeshRuns.run(directory.resolve("whole"), groups, shards, with(more)).getFirst();
    MeshRuns.Ended many =
        MeshRuns.run(directory.resolve("sharded"), groups, shards, sharded(more)).getFirst();
    for (int step = 0; step < 6; step++) {
      assertThat(many.losses().get(step))
          .as("loss of step %d", step + 1)
          .isCloseTo(whole.losses().get(step), within(1e-6));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void itGoesOnWhereItWas(boolean shardedLater) throws Exception {
    MeshRuns.run(directory.resolve("whole"), 2, 1, RUN);
    Path run = directory.resolve("sharded");
    MeshRuns.run(run, 2, 1, sharded("training.max_steps=4"));
    MeshRuns.run(run, true, 2, 1, (_, _) -> {}, shardedLater ? sharded() : RUN);
    sameFiles();
  }

  /// Three windows, of one rank's three parts, and on two ranks of which one has a window fewer.
  @ParameterizedTest
  @CsvSource({"1,3", "2,1", "4,1"})
  void validationsAreTheSameAndChangeNothing(int groups, int shards) throws Exception {
    String[] more = {"evaluation.every_steps=2", "evaluation.every_tokens=192"};
    List<List<Double>> losses = new ArrayList<>();
    for (boolean sharded : new boolean[] {false, true}) {
      Path run = directory.resolve(sharded ? "sharded" : "whole");
      MeshRuns.run(run, groups, shards, sharded ? sharded(more) : with(more));
      losses.add(MeshTest.validations(run));
    }
    assertThat(losses.get(1)).hasSize(3).isEqualTo(losses.get(0));
    sameFiles();
  }

  @Test
  void ranksWithOtherDisksSendTheirWeights() throws Exception {
    MeshRuns.run(directory.resolve("whole"), 1, 2, RUN);
    MeshRuns.run(
        rank -> directory.resolve(rank == 0 ? "sharded" : "other"),
        false,
        1,
        2,
        (_, _) -> {},
        _ -> sharded());
    assertThat(directory.resolve("other/checkpoints")).doesNotExist();
    sameFiles();
  }

  /// What a rank holds between steps is its own part, and while it is at a layer that layer's too.
  @Test
  void aRankHoldsItsOwnAndTheLayerThatItIsAt() throws Exception {
    MeshRuns.run(
        directory.resolve("run"),
        false,
        1,
        3,
        (rank, run) -> {
          Decoder model = run.training.model();
          Slice own = owned(model, rank);
          assertThat(others(model, own, -2)).as("others' elements").containsOnly(0f);
          assertThat(others(model, own, -2)).hasSizeGreaterThan(1000);
        },
        sharded());
    try (TinyRun alone = TinyRun.start(directory.resolve("alone"), sharded())) {
      assertThat(others(alone.training.model(), owned(alone.training.model(), 0), 0))
          .as("one rank holds all")
          .isNotEmpty()
          .anyMatch(value -> value != 0);
    }
  }

  private static Slice owned(Decoder model, int rank) {
    long lines = model.memory().elements() / 16;
    return new Slice(lines * rank / 3 * 16, lines * (rank + 1) / 3 * 16);
  }

  /// Values outside a slice; of one layer, or of all where the layer is -2.
  private static List<Float> others(Decoder model, Slice own, int layer) {
    List<Float> values = new ArrayList<>();
    for (Map.Entry<String, Tensor> value : model.parameters().entrySet()) {
      if (layer != -2 && Blueprint.layerOf(value.getKey()) != layer) {
        continue;
      }
      long from = model.memory().offset(value.getKey());
      float[] all = TensorMemory.of(value.getValue()).toArray(ValueLayout.JAVA_FLOAT);
      for (int i = 0; i < all.length; i++) {
        if (from + i < own.first() || from + i >= own.end()) {
          values.add(all[i]);
        }
      }
    }
    return values;
  }

  @Test
  void embeddingsBelongToNoLayer() {
    assertThat(Blueprint.layerOf("embed_tokens.weight")).isEqualTo(Residence.OUTSIDE);
    assertThat(Blueprint.layerOf("layer_norm.weight")).isEqualTo(Residence.OUTSIDE);
    assertThat(Blueprint.layerOf("layers.12.self_attn.q_proj.weight")).isEqualTo(12);
  }
}
