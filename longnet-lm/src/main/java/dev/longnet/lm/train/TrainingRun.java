// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.ResourceStack;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.InductionHeads;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/// A run's training, put together: model, data, logs and checkpoints in a run's directory, from the
/// beginning or from a checkpoint. Passes use the recipe's number of threads.
public final class TrainingRun implements Closeable {
  /// Bytes whose checksum is taken at once.
  private static final long CHECKED = 1L << 30;

  private final Decoder model;
  private final Trainer trainer;
  private final ResourceStack opened;

  /// What a training is handed.
  ///
  /// @param operators makes the attention operators
  /// @param runtime how this rank computes: the recipe's, or with other threads
  /// @param ranks that train together
  /// @param listener hears the run besides its own logs
  /// @param matrixFlops the machine's matrix-product rate, FLOP/s
  public record Setup(
      AttentionOperator.Factory operators,
      RuntimeConfig runtime,
      Ranks ranks,
      TrainingListener listener,
      double matrixFlops) {}

  private TrainingRun(Decoder model, Trainer trainer, ResourceStack opened) {
    this.model = model;
    this.trainer = trainer;
    this.opened = opened;
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
      Setup setup)
      throws IOException {
    TrainerState state =
        from.isPresent()
            ? continued(config, from.get(), data.fingerprint())
            : TrainerState.initial(config.training().seed(), data.fingerprint());
    if (setup.ranks.writes()) {
      if (data.tokenizer().isPresent()) {
        // Checkpoints take the tokenizer's file from the run: the recipe's may be trained anew or
        // moved while the run lasts.
        byte[] file = data.tokenizer().get();
        AtomicFiles.write(directory.tokenizer(), out -> out.write(file));
      }
      AtomicFiles.writeString(directory.recipe(), config.toYaml());
    }
    ResourceStack opened = new ResourceStack();
    try (TorchThreads _ = Torch.threads(setup.runtime.threads())) {
      BranchSchedule attention = new BranchSchedule(config, setup.operators, state.step());
      Decoder model =
          opened.push(
              Decoder.create(
                  config.model(),
                  ModelOptions.of(setup.runtime),
                  attention,
                  config.training().seed(),
                  setup.ranks.shards(),
                  null));
      if (from.isPresent()) {
        CheckpointTensors.load(from.get(), model);
      } else if (init.isPresent()) {
        CheckpointTensors.load(init.get(), model);
      } else {
        InductionHeads.plant(model.memory(), config.model(), config.training().inductionHeads());
      }
      requireSameWeights(model, setup.ranks);
      // Until here every rank has all weights: before it has gradients, moments or activations.
      boolean sharded = setup.runtime.shardParameters() && setup.ranks.size() > 1;
      Optional<ShardedParameters> shards =
          sharded ? Optional.of(ShardedParameters.divide(model, setup.ranks)) : Optional.empty();
      HeldOut heldOut =
          opened.push(
              new HeldOut(model, data.heldOut(), config.evaluation().everyTokens(), setup.ranks));
      List<TrainingListener> listeners = new ArrayList<>();
      if (setup.ranks.writes()) {
        listeners.add(opened.push(RunLog.open(directory, state.step(), config.toYaml())));
      }
      listeners.add(setup.listener);
      Trainer trainer =
          opened.push(
              new Trainer(
                  config,
                  model,
                  new Trainer.Collaborators(
                      setup.ranks,
                      shards,
                      attention::at,
                      data.windows(),
                      heldOut,
                      new ModelSaver(directory.path(), config, model, setup.ranks, shards),
                      listeners,
                      setup.matrixFlops),
                  state));
      if (from.isPresent()) {
        CheckpointTensors.load(from.get(), trainer.optimizer(), model.parameters());
      }
      return new TrainingRun(model, trainer, opened);
    } catch (IOException | RuntimeException | Error e) {
      opened.closeAfter(e);
      throw e;
    }
  }

  /// Ranks that read different checkpoints would train a mixture of them.
  private static void requireSameWeights(Decoder model, Ranks ranks) {
    if (ranks.size() == 1) {
      return;
    }
    CRC32C crc = new CRC32C();
    MemorySegment values = TensorMemory.of(model.memory().valueMemory());
    for (long at = 0; at < values.byteSize(); at += CHECKED) {
      crc.update(values.asSlice(at, Math.min(CHECKED, values.byteSize() - at)).asByteBuffer());
    }
    double own = crc.getValue();
    double all = ranks.sum(own);
    if (ranks.any(all != ranks.size() * own)) {
      throw new IllegalArgumentException(
          "the ranks start with different weights: give all of them the same checkpoint");
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
    if (!TrainingData.sameTokens(state.corpus(), corpus)) {
      throw new IllegalArgumentException(
          "the corpus is not the one this run was trained on (its tokens changed): resume with the "
              + "same corpus, or start a new run");
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

  /// See [Trainer#run()].
  public Trainer.End run() throws IOException {
    try (TorchThreads _ = model.threads()) {
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
    opened.close();
  }
}
