package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.data.Batches;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.Torch;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.zip.CRC32C;

/// Puts a run together: model, corpus, logs and checkpoints in a run's directory, from the
/// beginning or from its newest checkpoint.
public final class TrainingRun implements Closeable {
  private final Decoder model;
  private final HeldOut heldOut;
  private final RunLog log;
  private final Trainer trainer;

  private TrainingRun(Decoder model, HeldOut heldOut, RunLog log, Trainer trainer) {
    this.model = model;
    this.heldOut = heldOut;
    this.log = log;
    this.trainer = trainer;
  }

  /// @param directory stays the caller's to close, as do the shards
  /// @param from the checkpoint to go on from; empty: a new model
  /// @param init whose weights a new model starts with, see [InitialWeights]; empty: random ones
  /// @param listener hears the run besides its own logs
  /// @param matrixFlops the machine's matrix-product rate, FLOP/s
  /// @throws IllegalArgumentException when the checkpoint does not fit the configuration or the
  ///   corpus
  public static TrainingRun open(
      RunConfig config,
      RunDirectory directory,
      Optional<Checkpoint> from,
      Optional<Checkpoint> init,
      TokenShards shards,
      TrainingListener listener,
      double matrixFlops)
      throws IOException {
    String corpus = fingerprint(shards);
    TrainerState state = TrainerState.initial(config.training().seed(), corpus);
    if (from.isPresent()) {
      state = continued(config, from.get(), corpus);
    }
    double[] weights =
        config.corpus().sources().stream()
            .map(CorpusSource::weight)
            .filter(OptionalDouble::isPresent)
            .mapToDouble(OptionalDouble::getAsDouble)
            .toArray();
    Batches batches =
        Batches.of(shards, weights, config.training().window(), config.training().seed());
    keepTokenizer(config.corpus().tokenizer(), directory, shards);
    AtomicFiles.writeString(directory.recipe(), config.toYaml());
    RuntimeConfig runtime = config.runtime();
    Torch.setThreads(runtime.threads());
    BranchSchedule attention = new BranchSchedule(config, state.step());
    Decoder model =
        Decoder.create(
            config.model(), ModelOptions.of(runtime), attention, config.training().seed());
    List<AutoCloseable> opened = new ArrayList<>(List.of(model));
    try {
      if (from.isPresent()) {
        CheckpointTensors.load(from.get(), model);
      } else if (init.isPresent()) {
        CheckpointTensors.load(init.get(), model);
      }
      HeldOut heldOut =
          new HeldOut(
              model,
              shards.validation(),
              config.training().window(),
              config.evaluation().everyTokens());
      opened.add(heldOut);
      RunLog log = RunLog.open(directory, state.step(), config.toYaml());
      opened.add(log);
      Trainer trainer =
          new Trainer(
              config,
              model,
              attention::at,
              batches::window,
              heldOut,
              new ModelSaver(directory.path(), config, model),
              List.of(log, listener),
              matrixFlops,
              state);
      opened.add(trainer);
      if (from.isPresent()) {
        CheckpointTensors.load(from.get(), trainer.optimizer());
      }
      return new TrainingRun(model, heldOut, log, trainer);
    } catch (IOException | RuntimeException | Error e) {
      for (AutoCloseable resource : opened.reversed()) {
        close(resource, e);
      }
      throw e;
    }
  }

  private static TrainerState continued(RunConfig config, Checkpoint checkpoint, String corpus) {
    ModelConfig saved = checkpoint.model();
    if (!saved.equals(config.model())) {
      throw new FieldException(
          "%s needs the model of %s, start a new run to change it: %s",
          Field.of("resume"), checkpoint.directory(), ModelTree.difference(config.model(), saved));
    }
    TrainerState state =
        checkpoint
            .state()
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "no training to resume in "
                        + checkpoint.directory()
                        + ": it holds weights alone"));
    if (!state.corpus().equals(corpus)) {
      throw new IllegalArgumentException(
          "the corpus is not the one this run was trained on (its tokens changed): resume with the same corpus, or start a new run");
    }
    if (state.seed() != config.training().seed()) {
      throw new FieldException(
          "%s needs the seed of the run, %d: training.seed=%d",
          Field.of("resume"), state.seed(), config.training().seed());
    }
    return state;
  }

  /// Checkpoints take the tokenizer's file from the run: the recipe's may be trained anew or moved
  /// while the run lasts.
  private static void keepTokenizer(String name, RunDirectory directory, TokenShards shards)
      throws IOException {
    Tokenizer tokenizer = Tokenizers.of(name);
    if (!tokenizer.fingerprint().equals(shards.manifest().tokenizerFingerprint())) {
      throw new IllegalArgumentException(
          "the tokenizer changed since its token shards were made: start again: tokenizer=" + name);
    }
    Optional<byte[]> file = tokenizer.definition();
    if (file.isPresent()) {
      AtomicFiles.write(directory.tokenizer(), out -> out.write(file.get()));
    }
  }

  /// Changes when the corpus' tokens do.
  private static String fingerprint(TokenShards shards) {
    StringBuilder text = new StringBuilder(shards.manifest().tokenizer()).append(' ');
    CRC32C crc = new CRC32C();
    shards
        .manifest()
        .shards()
        .forEach(s ->
            crc.update(
                (s.baseName() + s.tokens() + ' ' + s.tokensCrc())
                    .getBytes(StandardCharsets.UTF_8)));
    return text.append(String.format("%08x", crc.getValue())).toString();
  }

  public Decoder model() {
    return model;
  }

  /// Trains until the run's end.
  public Trainer.End run() throws IOException {
    return trainer.run();
  }

  /// See [Trainer#requestStop()].
  public void requestStop() {
    trainer.requestStop();
  }

  public TrainerState state() {
    return trainer.state();
  }

  @Override
  public void close() throws IOException {
    trainer.close();
    heldOut.close();
    model.close();
    log.close();
  }

  private static void close(AutoCloseable resource, Throwable cause) {
    try {
      resource.close();
    } catch (Exception e) {
      cause.addSuppressed(e);
    }
  }
}
