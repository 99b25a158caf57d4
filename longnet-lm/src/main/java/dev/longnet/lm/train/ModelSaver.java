// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/// Writes a run's checkpoints.
///
/// @param run its directory
record ModelSaver(Path run, RunConfig config, Decoder model) implements Trainer.Saver {
  @Override
  public Path save(TrainerState state, Optimizer optimizer) throws IOException {
    return Checkpoint.write(
        run,
        new Checkpoint.Config(
            config.model(), config.corpus().tokenizer(), config.training().window()),
        state,
        new Checkpoint.Tensors(
            file -> TensorFiles.write(file, Map.of("format", "pt"), model.parameters()),
            file -> TensorFiles.write(file, Map.of(), optimizer.state())),
        config.checkpoint().keep());
  }
}
