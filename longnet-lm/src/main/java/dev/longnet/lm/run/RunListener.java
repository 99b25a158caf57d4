// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.pipeline.TokenizationProgress;
import dev.longnet.core.evaluate.EvaluationListener;
import dev.longnet.lm.train.TrainingListener;
import java.nio.file.Path;

/// Hears all that a person may want to see of a run, on the thread that runs it. In order: the
/// forecast, tokenization, the corpus, training's steps, the evaluation, the sample, the report.
public interface RunListener extends TokenizationListener, TrainingListener, EvaluationListener {
  /// What the run will need; before what cannot fit is refused.
  default void forecast(RunConfig config, Forecast forecast) {}

  /// What the ranks of this machine will need of memory together, where there are several.
  default void memoryHere(int ranks, long bytes) {}

  /// How long it will take.
  ///
  /// @param seconds NaN where the machine gives no way to tell
  /// @param matrixFlops the matrix-product rate of all ranks, FLOP/s
  default void duration(RunConfig config, double seconds, double matrixFlops) {}

  @Override
  default void message(String line) {}

  @Override
  default void progress(TokenizationProgress progress) {}

  /// The corpus is tokenized.
  default void corpus(TokenShards shards) {}

  /// The run's directory is there, training begins.
  ///
  /// @param step steps that are done
  /// @param resumed from a checkpoint
  /// @param stop asks the run to end soon and save itself; any thread may call it, until [#trained]
  default void training(Path run, long step, boolean resumed, Runnable stop) {}

  /// Training is over, also where it did not get to its last step.
  ///
  /// @param step the last one that is done
  /// @param stopped because it was asked to
  default void trained(Path run, long step, boolean stopped) {}

  /// Something about the evaluation that a person should know.
  default void note(String text) {}

  /// There is no evaluation.
  default void notEvaluated(String why) {}

  /// The text that the model wrote.
  default void sample(String text) {}

  default void report(Path report) {}
}
