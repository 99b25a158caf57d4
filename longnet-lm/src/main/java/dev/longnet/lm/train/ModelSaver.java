// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorFiles;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/// Writes a run's checkpoints. Of several ranks one writes; each adds the moments that it owns, and
/// the weights where it has no others, see [ShardsFile].
///
/// @param run its directory
/// @param shards the parameters, where ranks hold them for one another
record ModelSaver(
    Path run, RunConfig config, Decoder model, Ranks ranks, Optional<ShardedParameters> shards)
    implements Trainer.Saver {
  private static final Map<String, String> FORMAT = Map.of("format", "pt");

  @Override
  public Optional<Path> save(TrainerState state, Optimizer optimizer) throws IOException {
    if (ranks.size() == 1) {
      return ranks.writes()
          ? Optional.of(
              write(
                  state,
                  this::writeWeights,
                  file -> TensorFiles.write(file, Map.of(), optimizer.state())))
          : Optional.empty();
    }
    Optional<ShardsFile> weights =
        shards.map(s ->
            new ShardsFile(
                run,
                ranks,
                model.memory(),
                s.own(),
                FORMAT,
                List.of(new ShardsFile.Kind("", s.ownValues()))));
    ShardsFile moments =
        new ShardsFile(
            run,
            ranks,
            model.memory(),
            optimizer.memory(),
            Map.of(),
            Stream.of(Optimizer.FIRST, Optimizer.SECOND)
                .map(kind -> new ShardsFile.Kind(kind, TensorMemory.of(optimizer.moments(kind))))
                .toList());
    if (!ranks.writes()) {
      // The one that writes finds out whether a checkpoint of this step is there already.
      if (ranks.any(false)) {
        if (weights.isPresent()) {
          weights.get().send();
        }
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
                if (weights.isPresent()) {
                  asked.set(ranks.any(true));
                  weights.get().write(file);
                } else {
                  writeWeights(file);
                }
              },
              file -> {
                if (weights.isEmpty()) {
                  asked.set(ranks.any(true));
                }
                moments.write(file);
              }));
    } finally {
      if (!asked.get()) {
        ranks.any(false);
      }
    }
  }

  private void writeWeights(Path file) throws IOException {
    TensorFiles.write(file, FORMAT, model.parameters());
  }

  private Path write(TrainerState state, AtomicFiles.PathBody weights, AtomicFiles.PathBody moments)
      throws IOException {
    return Checkpoint.write(
        run,
        new Checkpoint.Config(
            config.model(), config.corpus().tokenizer(), config.training().window()),
        state,
        new Checkpoint.Tensors(weights, moments),
        config.checkpoint().keep());
  }
}
