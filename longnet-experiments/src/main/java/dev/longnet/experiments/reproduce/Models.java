// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.run.Result;
import dev.longnet.lm.run.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Trains models and opens them again.
public interface Models {
  /// How far a model is.
  enum Progress {
    NONE,
    /// Training begins where its newest checkpoint stands.
    BEGUN,
    TRAINED
  }

  Progress progress(RunConfig config, Path run) throws IOException;

  /// Trains a model to its end, or until it is asked to stop.
  Result train(RunConfig config, Start start) throws IOException;

  /// Opens what was trained.
  TrainedModel open(RunConfig config, Path run) throws IOException;

  /// Carries out a run, see [dev.longnet.lm.run.Training#run].
  @FunctionalInterface
  interface Trainer {
    Result train(RunConfig config, Start start) throws IOException;
  }

  /// Models on disk.
  static Models onDisk(Trainer trainer) {
    return new Models() {
      @Override
      public Progress progress(RunConfig config, Path run) throws IOException {
        if (!Files.isRegularFile(run.resolve("recipe.yaml"))) {
          return Progress.NONE;
        }
        // It is written last: a run that was killed while it measured itself is not done.
        boolean evaluated = Files.isRegularFile(run.resolve("evaluation.json"));
        return evaluated && step(run) >= config.training().steps()
            ? Progress.TRAINED
            : Progress.BEGUN;
      }

      private static long step(Path run) throws IOException {
        return Checkpoint.list(run).isEmpty()
            ? 0
            : Checkpoint.resolve(run).state().orElseThrow().step();
      }

      @Override
      public Result train(RunConfig config, Start start) throws IOException {
        return trainer.train(config, start);
      }

      @Override
      public TrainedModel open(RunConfig config, Path run) throws IOException {
        return OpenedModel.open(config, run);
      }
    };
  }
}
