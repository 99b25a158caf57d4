package dev.longnet.lm.train;

import dev.longnet.attention.AttentionOptions;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.machine.ProcessMemory;
import dev.longnet.lm.attention.JavaAttentionOperator;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.Pointer;

/// A model small enough to train for a few steps in a test, on text that repeats itself in long
/// distances.
final class TinyRun implements AutoCloseable {
  static final String RECIPE =
      """
      name: tiny
      corpus: {sources: [none], tokenizer: bytes}
      model:
        layers: 2
        hidden: 32
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, sequences: 2, batch_tokens: 256, steps: 12, seed: 3}
      optimizer: {learning_rate: 3e-3}
      schedule: {warmup_steps: 3}
      """;

  final RunConfig config;
  final Decoder model;
  final Trainer trainer;
  final List<StepMetrics> steps = new ArrayList<>();
  final List<Long> pointers = new ArrayList<>();
  final List<Long> resident = new ArrayList<>();
  final Path directory;

  static TinyRun start(Path directory, String... overrides) throws IOException {
    return new TinyRun(directory, null, null, overrides);
  }

  static TinyRun resume(Path directory, String... overrides) throws IOException {
    return new TinyRun(directory, Checkpoint.resolve(directory), null, overrides);
  }

  /// @param attention what to use instead of the real operator
  static TinyRun with(Path directory, AttentionOperator attention, String... overrides)
      throws IOException {
    return new TinyRun(directory, null, attention, overrides);
  }

  static AttentionOperator attention(RunConfig config) {
    return new JavaAttentionOperator(
        DilatedAttention.of(
            ((AttentionConfig) config.model().mixer(0)).pattern(true),
            AttentionOptions.defaults().withThreads(2)),
        GradientMode.EXACT);
  }

  static RunConfig config(Path directory, String... overrides) throws IOException {
    Files.createDirectories(directory);
    Path recipe = directory.resolve("tiny.yaml");
    Files.writeString(recipe, RECIPE);
    return Recipes.load(recipe.toString(), List.of(overrides), Tokenizers::vocabularySize);
  }

  private TinyRun(Path directory, Checkpoint from, AttentionOperator attention, String... overrides)
      throws IOException {
    this.directory = directory;
    this.config = config(directory, overrides);
    TrainerState state =
        from == null
            ? TrainerState.initial(config.training().seed(), "none")
            : from.state().orElseThrow();
    BranchSchedule schedule = new BranchSchedule(config, state.step());
    this.model =
        Decoder.create(
            config.model(),
            ModelOptions.of(config.runtime()),
            attention == null ? schedule : attention,
            config.training().seed());
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void step(StepMetrics metrics) {
            steps.add(metrics);
            pointers.add(Pointer.totalCount());
            resident.add(ProcessMemory.resident().orElse(-1));
          }
        };
    this.trainer =
        new Trainer(
            config,
            model,
            schedule::at,
            TinyRun::window,
            () -> Double.NaN,
            new ModelSaver(directory, config, model),
            List.of(listener),
            1e11,
            state);
    if (from != null) {
      CheckpointTensors.load(from, model);
      CheckpointTensors.load(from, trainer.optimizer());
    }
  }

  /// A random word of 32 bytes, twice: the second half can be known from the first.
  static void window(long index, MemorySegment destination) {
    Random random = new Random(index * 31 + 7);
    int ids = (int) (destination.byteSize() / 8);
    byte[] word = new byte[32];
    random.nextBytes(word);
    for (int i = 0; i < ids; i++) {
      destination.setAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i, word[i % 32] & 15);
    }
  }

  List<Double> losses() {
    return steps.stream().map(StepMetrics::loss).toList();
  }

  @Override
  public void close() {
    trainer.close();
    model.close();
  }
}
