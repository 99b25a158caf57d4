// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.io.ResourceStack;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;

/// Writes what a run does to `metrics.jsonl` and to TensorBoard's event files.
final class RunLog implements TrainingListener, Closeable {
  private final MetricsLog metrics;
  private final TensorBoardWriter tensorBoard;
  private final ResourceStack opened;

  private RunLog(MetricsLog metrics, TensorBoardWriter tensorBoard, ResourceStack opened) {
    this.metrics = metrics;
    this.tensorBoard = tensorBoard;
    this.opened = opened;
  }

  /// @param step the run stands at: what an interrupted process wrote beyond it is forgotten
  static RunLog open(RunDirectory run, long step, String recipe) throws IOException {
    ResourceStack opened = new ResourceStack();
    try {
      MetricsLog metrics = opened.push(MetricsLog.open(run.metrics(), step));
      TensorBoardWriter tensorBoard =
          opened.push(TensorBoardWriter.open(run.tensorBoard(), step, Clock.systemUTC()));
      tensorBoard.text(step, "recipe", "```yaml\n" + recipe + "\n```");
      return new RunLog(metrics, tensorBoard, opened);
    } catch (IOException | RuntimeException | Error e) {
      opened.closeAfter(e);
      throw e;
    }
  }

  @Override
  public void step(StepMetrics step) throws IOException {
    metrics.write(step.toJson());
    tensorBoard.scalars(step.step(), step.scalars());
  }

  @Override
  public void validation(long step, double loss, int window) throws IOException {
    ObjectNode line = MetricsLog.line("validation", step);
    if (Double.isFinite(loss)) {
      line.put("loss", loss);
    } else {
      line.putNull("loss");
    }
    metrics.write(line.put("window", window));
    tensorBoard.scalars(step, Map.of("validation/loss", loss));
  }

  @Override
  public void checkpoint(long step, Path directory) throws IOException {
    metrics.write(
        MetricsLog.line("checkpoint", step).put("directory", directory.getFileName().toString()));
  }

  @Override
  public void close() throws IOException {
    opened.close();
  }
}
