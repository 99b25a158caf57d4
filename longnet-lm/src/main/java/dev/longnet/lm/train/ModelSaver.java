// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/// Writes a run's checkpoints. Of several ranks one writes; each adds the moments that it owns, see
/// [MomentsFile].
///
/// @param run its directory
record ModelSaver(Path run, RunConfig config, Decoder model, Ranks ranks) implements Trainer.Saver {
  @Override
  public Optional<Path> save(TrainerState state, Optimizer optimizer) throws IOException {
    if (ranks.size() == 1) {
      return ranks.writes()
          ? Optional.of(write(state, file -> TensorFiles.write(file, Map.of(), optimizer.state())))
          : Optional.empty();
    }
    MomentsFile moments = new MomentsFile(run, ranks, model.memory(), optimizer);
    if (!ranks.writes()) {
      // The one that writes finds out whether a checkpoint of this step is there already.
      if (ranks.any(false)) {
        moments.send();
      }
      return Optional.empty();
    }
    AtomicBoolean asked = new AtomicBoolean();
    try {
      return Optional.of(
          write(
              state,
              file -> {
                asked.set(ranks.any(true));
                moments.write(file);
              }));
    } finally {
      if (!asked.get()) {
        ranks.any(false);
      }
    }
  }

  private Path write(TrainerState state, AtomicFiles.PathBody moments) throws IOException {
    return Checkpoint.write(
        run,
        new Checkpoint.Config(
            config.model(), config.corpus().tokenizer(), config.training().window()),
        state,
        new Checkpoint.Tensors(
            file -> TensorFiles.write(file, Map.of("format", "pt"), model.parameters()), moments),
        config.checkpoint().keep());
  }
}
