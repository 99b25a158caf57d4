// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A run's training, put together: model, data, logs and checkpoints in a run's directory, from the
/// beginning or from a checkpoint. Its libtorch operations use the recipe's number of threads.
public final class TrainingRun implements Closeable {
  private final Decoder model;
  private final HeldOut heldOut;
  private final Optional<RunLog> log;
  private final Trainer trainer;

  /// What a training is handed.
  ///
  /// @param operators makes the attention operators
  /// @param ranks that train together
  /// @param listener hears the run besides its own logs
  /// @param matrixFlops the machine's matrix-product rate, FLOP/s
  public record Parts(
      AttentionOperator.Factory operators,
      Ranks ranks,
      TrainingListener listener,
      double matrixFlops) {}

  private TrainingRun(Decoder model, HeldOut heldOut, Optional<RunLog> log, Trainer trainer) {
    this.model = model;
    this.heldOut = heldOut;
    this.log = log;
    this.trainer = trainer;
  }

  /// @param directory stays the caller's to close, as does what `data` reads
  /// @param from the checkpoint to go on from; empty: a new model
  /// @param init whose weights a new model starts with; empty: random ones
  /// @throws IllegalArgumentException when the checkpoint does not fit the configuration or the
  ///   corpus
  public static TrainingRun open(
      RunConfig config,
      RunDirectory directory,
      Optional<Checkpoint> from,
      Optional<Checkpoint> init,
      TrainingData data,
      Parts parts)
      throws IOException {
    TrainerState state =
        from.isPresent()
            ? continued(config, from.get(), data.fingerprint())
            : TrainerState.initial(config.training().seed(), data.fingerprint());
    if (parts.ranks.writes()) {
      if (data.tokenizer().isPresent()) {
        // Checkpoints take the tokenizer's file from the run: the recipe's may be trained anew or
        // moved while the run lasts.
        byte[] file = data.tokenizer().get();
        AtomicFiles.write(directory.tokenizer(), out -> out.write(file));
      }
      AtomicFiles.writeString(directory.recipe(), config.toYaml());
    }
    List<AutoCloseable> opened = new ArrayList<>();
    try (TorchThreads _ = Torch.threads(config.runtime().threads())) {
      BranchSchedule attention = new BranchSchedule(config, parts.operators, state.step());
      Decoder model =
          Decoder.create(
              config.model(),
              ModelOptions.of(config.runtime()),
              attention,
              config.training().seed());
      opened.add(model);
      if (from.isPresent()) {
        CheckpointTensors.load(from.get(), model);
      } else if (init.isPresent()) {
        CheckpointTensors.load(init.get(), model);
      }
      HeldOut heldOut =
          new HeldOut(
              model, data.heldOut(), config.training().window(), config.evaluation().everyTokens());
      opened.add(heldOut);
      List<TrainingListener> listeners = new ArrayList<>();
      Optional<RunLog> log = Optional.empty();
      if (parts.ranks.writes()) {
        log = Optional.of(RunLog.open(directory, state.step(), config.toYaml()));
        opened.add(log.get());
        listeners.add(log.get());
      }
      listeners.add(parts.listener);
      Trainer trainer =
          new Trainer(
              config,
              model,
              new Trainer.Parts(
                  parts.ranks,
                  attention::at,
                  data.windows(),
                  heldOut,
                  new ModelSaver(directory.path(), config, model),
                  listeners,
                  parts.matrixFlops),
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

  public Decoder model() {
    return model;
  }

  /// Trains until the run's end.
  public Trainer.End run() throws IOException {
    try (TorchThreads _ = Torch.threads(model.options().threads())) {
      return trainer.run();
    }
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
    if (log.isPresent()) {
      log.get().close();
    }
  }

  private static void close(AutoCloseable resource, Throwable cause) {
    try {
      resource.close();
    } catch (Exception e) {
      cause.addSuppressed(e);
    }
  }
}
