// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenStream;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.machine.ProcessMemory;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.attention.JavaAttentionOperator;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.bytedeco.javacpp.Pointer;

/// A model small enough to train for a few steps in a test, on text that repeats itself in long
/// distances.
public final class TinyRun implements AutoCloseable {
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

  /// What is held out: windows that training does not see.
  private static final TokenStream HELD_OUT = heldOut(256);

  final RunConfig config;
  final TrainingRun training;
  final List<StepMetrics> steps = new ArrayList<>();
  final List<Long> pointers = new ArrayList<>();
  final List<Long> resident = new ArrayList<>();
  final List<Long> workspaces = new ArrayList<>();

  /// Windows of validation losses.
  final List<Integer> validated = new ArrayList<>();

  private final RunDirectory directory;
  private long actionStep;
  private Runnable action = () -> {};

  public static TinyRun start(Path directory, String... overrides) throws IOException {
    return new TinyRun(
        RunDirectory.create(directory), Optional.empty(), DEFAULT, Ranks.one(), overrides);
  }

  static TinyRun resume(Path directory, String... overrides) throws IOException {
    return new TinyRun(
        RunDirectory.existing(directory),
        Optional.of(Checkpoint.resolve(directory)),
        DEFAULT,
        Ranks.one(),
        overrides);
  }

  /// @param attention what to use instead of the real operator
  static TinyRun with(Path directory, AttentionOperator attention, String... overrides)
      throws IOException {
    return new TinyRun(
        RunDirectory.create(directory),
        Optional.empty(),
        _ -> (_, _) -> attention,
        Ranks.one(),
        overrides);
  }

  static TinyRun with(Path directory, Ranks ranks, String... overrides) throws IOException {
    return with(directory, false, ranks, DEFAULT, overrides);
  }

  /// @param resume from the newest checkpoint
  /// @param operators makes the attention operators
  static TinyRun with(
      Path directory, boolean resume, Ranks ranks, Operators operators, String... overrides)
      throws IOException {
    RunDirectory run =
        !ranks.writes()
            ? RunDirectory.ofAnotherRank(directory)
            : resume ? RunDirectory.existing(directory) : RunDirectory.create(directory);
    return new TinyRun(
        run,
        resume ? Optional.of(Checkpoint.resolve(directory)) : Optional.empty(),
        operators,
        ranks,
        overrides);
  }

  /// What makes the operators of a run.
  interface Operators {
    AttentionOperator.Factory of(RunConfig config);
  }

  private static final Operators DEFAULT = config -> AttentionOperators.factory(config.runtime());

  static AttentionOperator attention(RunConfig config) {
    return new JavaAttentionOperator(
        DilatedAttention.of(
            ((AttentionConfig) config.model().mixer(0)).pattern(true),
            AttentionOptions.defaults().withThreads(2)),
        GradientMode.EXACT);
  }

  public static RunConfig config(String... overrides) throws IOException {
    Path recipe = Files.createTempFile("tiny", ".yaml");
    try {
      Files.writeString(recipe, RECIPE);
      return Recipes.load(recipe.toString(), List.of(overrides), Tokenizers::vocabularySize);
    } finally {
      Files.delete(recipe);
    }
  }

  private TinyRun(
      RunDirectory directory,
      Optional<Checkpoint> from,
      Operators operators,
      Ranks ranks,
      String... overrides)
      throws IOException {
    this.directory = directory;
    this.config = config(overrides);
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void step(StepMetrics metrics) {
            steps.add(metrics);
            pointers.add(Pointer.totalCount());
            resident.add(ProcessMemory.resident().orElse(-1));
            workspaces.add(training.model().workspaceBytes());
            if (metrics.step() == actionStep) {
              action.run();
            }
          }

          @Override
          public void validation(long step, double loss, int window) {
            validated.add(window);
          }
        };
    this.training =
        TrainingRun.open(
            config,
            directory,
            from,
            Optional.empty(),
            new TrainingData(
                "none",
                (phase, index, first, _, to) -> part(1000L * phase + index, first, to),
                HELD_OUT,
                Optional.empty()),
            new TrainingRun.Setup(operators.of(config), config.runtime(), ranks, listener, 1e11));
  }

  /// Does something when a step is done.
  void atStep(long step, Runnable what) {
    actionStep = step;
    action = what;
  }

  public Trainer.End run() throws IOException {
    return training.run();
  }

  /// A random word of 32 bytes, twice: the second half can be known from the first.
  public static void window(long index, MemorySegment destination) {
    part(index, 0, destination);
  }

  private static void part(long index, long first, MemorySegment destination) {
    Random random = new Random(index * 31 + 7);
    int ids = (int) (destination.byteSize() / 8);
    byte[] word = new byte[32];
    random.nextBytes(word);
    for (int i = 0; i < ids; i++) {
      destination.setAtIndex(
          ValueLayout.JAVA_LONG_UNALIGNED, i, word[(int) ((first + i) % 32)] & 15);
    }
  }

  /// Every weight.
  float[] weights() {
    return TensorMemory.of(training.model().memory().valueMemory()).toArray(ValueLayout.JAVA_FLOAT);
  }

  List<Double> losses() {
    return steps.stream().map(StepMetrics::loss).toList();
  }

  private static TokenStream heldOut(int tokens) {
    long[] ids = new long[tokens];
    window(1_000_000, MemorySegment.ofArray(ids));
    return TokenStream.of(Arrays.stream(ids).mapToInt(Math::toIntExact).toArray());
  }

  @Override
  public void close() throws IOException {
    training.close();
    directory.close();
  }
}
