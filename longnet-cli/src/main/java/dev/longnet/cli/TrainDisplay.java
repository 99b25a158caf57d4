// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.config.TrainingCost;
import dev.longnet.core.config.TrainingPhase;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.pipeline.TokenizationProgress;
import dev.longnet.core.evaluate.ByPosition;
import dev.longnet.core.evaluate.Copies;
import dev.longnet.core.evaluate.Evaluation;
import dev.longnet.lm.run.RunListener;
import dev.longnet.lm.train.StepMetrics;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.LongSummaryStatistics;
import org.jspecify.annotations.Nullable;

/// A run as a person sees it. While it trains, Ctrl-C asks it to save itself and end.
final class TrainDisplay implements RunListener, AutoCloseable {
  private final PrintWriter out;
  private final TokenizationDisplay tokenization;
  private final ProgressLine progress;
  private final long lastStep;

  /// Whether steps differ in their windows.
  private final boolean phased;

  private @Nullable StopOnInterrupt interrupt;

  /// @param terminal whether `out` and `err` are one
  TrainDisplay(PrintWriter out, PrintWriter err, boolean terminal, RunConfig config) {
    this.out = out;
    this.tokenization = new TokenizationDisplay(err, terminal);
    this.lastStep = config.training().lastStep();
    TrainingCost cost = new TrainingCost(config.model(), config.training());
    this.phased = !config.training().windows().isEmpty();
    this.progress = new ProgressLine(out, terminal, lastStep, phased, cost::stepsLeft);
  }

  @Override
  public void forecast(RunConfig config, Forecast f) {
    row("recipe", config.name() + (config.about().isBlank() ? "" : ": " + config.about().strip()));
    row("parameters", Forecast.si(f.parameters()));
    row(
        "memory",
        String.format(
            Locale.ROOT,
            "%s%s: weights %s, gradients %s, optimizer %s, activations %s, logits %s, %sprogram %s",
            Forecast.bytes(f.memoryBytes()),
            f.mesh().ranks() > 1 ? " for each of " + f.mesh().ranks() + " ranks" : "",
            Forecast.bytes(f.weightBytes()),
            Forecast.bytes(f.gradientBytes()),
            Forecast.bytes(f.optimizerBytes()),
            Forecast.bytes(f.activationBytes()),
            Forecast.bytes(f.logitBytes()),
            f.rowBytes() > 0 ? "other ranks' rows " + Forecast.bytes(f.rowBytes()) + ", " : "",
            Forecast.bytes(Forecast.PROGRAM_BYTES)));
    row(
        "operations",
        Forecast.si(f.flopsPerToken())
            + "FLOP a token, "
            + Forecast.si(f.totalTokens())
            + " tokens");
    TrainingConfig training = config.training();
    for (int i = 0; i < training.windows().size(); i++) {
      TrainingPhase phase = training.windows().get(i);
      row(
          i == 0 ? "windows" : "",
          String.format(
              Locale.ROOT,
              "%,d tokens, %,d a step, until step %,d",
              phase.window(),
              phase.batchTokens(),
              training.firstStep(i + 1)));
    }
  }

  @Override
  public void memoryHere(int ranks, long bytes) {
    row("machine", Forecast.bytes(bytes) + " of memory for its " + ranks + " ranks together");
  }

  @Override
  public void duration(RunConfig config, double seconds, double matrixFlops) {
    row(
        "time",
        String.format(
            Locale.ROOT,
            "%s%,d step%s of %s tokens (matrix products run at %s here)",
            Double.isNaN(seconds) ? "" : "about " + ProgressLine.duration(seconds) + " for ",
            lastStep,
            lastStep == 1 ? "" : "s",
            stepTokens(config.training()),
            Forecast.si(matrixFlops)
                + "FLOP/s"
                + (config.runtime().precision() == RuntimeConfig.Precision.BF16
                    ? " in bf16"
                    : "")));
    out.flush();
  }

  private static String stepTokens(TrainingConfig training) {
    LongSummaryStatistics tokens =
        training.phases().stream().mapToLong(TrainingPhase::batchTokens).summaryStatistics();
    return tokens.getMin() == tokens.getMax()
        ? String.format(Locale.ROOT, "%,d", tokens.getMin())
        : String.format(Locale.ROOT, "%,d to %,d", tokens.getMin(), tokens.getMax());
  }

  @Override
  public void message(String line) {
    tokenization.message(line);
  }

  @Override
  public void progress(TokenizationProgress now) {
    tokenization.progress(now);
  }

  @Override
  public void corpus(TokenShards shards) {
    tokenization.done();
    row(
        "corpus",
        String.format(
            Locale.ROOT,
            "%s tokens to train on in %,d documents%s, %s held out%s",
            Forecast.si(shards.train().size()),
            shards.train().documents(),
            groups(shards, Split.TRAIN, " of %,d groups"),
            Forecast.si(shards.validation().size()),
            groups(
                shards,
                Split.VALIDATION,
                " in " + shards.validation().documents() + " documents of %,d groups")));
  }

  private static String groups(TokenShards shards, Split split, String words) {
    return shards.manifest().hasGroups()
        ? String.format(Locale.ROOT, words, shards.manifest().groups(split))
        : "";
  }

  @Override
  public void training(Path run, long step, boolean resumed, Runnable stop) {
    if (step >= lastStep) {
      progress.note(
          String.format(
              Locale.ROOT,
              "nothing to train: the run stands at step %,d, its last is %,d (training.steps, --max-steps)",
              step,
              lastStep));
    }
    progress.note("run          " + run + (resumed ? ", resumed after step " + step : ""));
    interrupt =
        StopOnInterrupt.install(() -> {
          progress.note("stopping after the pass under way, then saving a checkpoint …");
          stop.run();
        });
  }

  @Override
  public void pass(long step, int passes, int of) {
    progress.pass(step, passes, of);
  }

  @Override
  public void step(StepMetrics metrics) {
    progress.step(metrics);
  }

  @Override
  public void validation(long step, double loss, int window) {
    progress.note(
        String.format(
            Locale.ROOT,
            "step %d: validation loss %.4f%s",
            step,
            loss,
            phased ? String.format(Locale.ROOT, ", windows of %,d", window) : ""));
  }

  @Override
  public void trained(Path run, long step, boolean stopped) {
    progress.endLine();
    if (stopped) {
      progress.note(
          String.format(
              Locale.ROOT,
              "stopped after step %d and saved; go on with: longnet train --resume --out %s",
              step,
              run));
    } else {
      close();
    }
  }

  @Override
  public void note(String text) {
    row("note", text);
    out.flush();
  }

  @Override
  public void notEvaluated(String why) {
    row("evaluation", "none: " + why);
  }

  @Override
  public void scored(Evaluation.AtLength at) {
    row(
        "validation",
        String.format(
            Locale.ROOT,
            "context %,d: perplexity %.4f, %.4f bits/byte",
            at.length(),
            at.perplexity(),
            at.bitsPerByte()));
    Evaluation.lost(at.textless().orElse(0)).ifPresent(lost -> row("", lost));
    out.flush();
  }

  @Override
  public void scored(ByPosition positions) {
    row("positions", positions.toString());
  }

  @Override
  public void scored(Copies copies) {
    row("reach", copies.toString());
    out.flush();
  }

  @Override
  public void scored(Evaluation.Documents documents) {
    row(
        "gzip",
        String.format(
            Locale.ROOT,
            "%,d held-out documents, each on its own: this model %.4f bits/byte, gzip -9 %.4f",
            documents.documents(),
            documents.bitsPerByte(),
            documents.gzipBitsPerByte()));
    documents.loss().ifPresent(loss -> row("", loss));
    out.flush();
  }

  @Override
  public void sample(String text) {
    out.println("sample:");
    text.lines().forEach(line -> out.println("  | " + line));
    out.flush();
  }

  @Override
  public void report(Path report) {
    row("report", report.toString());
    out.flush();
  }

  private void row(String name, String text) {
    out.printf(Locale.ROOT, "%-12s %s%n", name, text);
  }

  /// From here on Ctrl-C ends the program as it is used to.
  @Override
  public void close() {
    if (interrupt != null) {
      interrupt.close();
      interrupt = null;
    }
  }
}
