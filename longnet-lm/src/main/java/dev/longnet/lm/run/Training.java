// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.core.machine.ProcessMemory;
import dev.longnet.core.report.RunReport;
import dev.longnet.lm.distributed.ThreadCollectives;
import dev.longnet.lm.inference.LoadedModel;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.MatrixRate;
import dev.longnet.lm.train.Trainer;
import dev.longnet.lm.train.TrainingData;
import dev.longnet.lm.train.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Carries out a run: from a recipe to a run's directory.
///
/// ```java
/// Parts parts = Parts.of(config, new RunListener() {}, "an experiment");
/// Result result = Training.run(config, Start.anew(Path.of("runs/mine")), parts);
/// ```
public final class Training {
  private final RunConfig config;
  private final Start start;
  private final Parts parts;
  private final RunListener listener;

  Training(RunConfig config, Start start, Parts parts) {
    // Its recipe is read again from other directories.
    this.config = config.withCorpus(config.corpus().absolute());
    this.start = start;
    this.parts = parts;
    this.listener = parts.listener();
  }

  /// Tokenizes, trains, evaluates, samples and reports. Takes up a run where its newest checkpoint
  /// stands. A recipe with `training.virtual_shards` on one rank is a run of so many, as threads
  /// ([DistributedTraining]); their operators are the recipe's.
  ///
  /// @throws IllegalArgumentException when the configuration, the corpus and what the run starts
  ///   from do not go together
  /// @throws EnvironmentException when the machine lacks what the run needs
  public static Result run(RunConfig config, Start start, Parts parts) throws IOException {
    return run(config, start, parts, 0);
  }

  /// As above.
  ///
  /// @param sequenceRanks so many of the virtual shards share each window; 0: all of them
  public static Result run(RunConfig config, Start start, Parts parts, int sequenceRanks)
      throws IOException {
    int shards = config.training().virtualShards();
    if (shards > 0 && parts.ranks().size() == 1) {
      return DistributedTraining.run(
          config,
          start,
          parts.listener(),
          parts.program(),
          ThreadCollectives.of(1).getFirst(),
          new Processes(1, 1, 0, sequenceRanks));
    }
    if (sequenceRanks > 1 && parts.ranks().size() == 1) {
      throw new FieldException(
          "%s must come with several ranks or %s: %s",
          Field.of("sequenceRanks"),
          Field.of("training.virtual_shards"),
          Field.of("sequenceRanks", sequenceRanks));
    }
    if (shards > 0 && shards != parts.ranks().size()) {
      throw new FieldException(
          "%s needs as many ranks, threads or processes: ranks=%d",
          Field.of("training.virtual_shards", shards), parts.ranks().size());
    }
    return new Training(config, start, parts).run();
  }

  /// Says what a run needs and refuses what cannot fit; writes nothing. [#run] does so first.
  ///
  /// @param run where it would live
  /// @return the matrix-product rate of all ranks, FLOP/s
  public static double forecast(RunConfig config, Path run, RunListener listener)
      throws IOException {
    return forecast(config, run, Processes.ONE, listener);
  }

  /// As above, for a run of several processes. Of memory it says what each rank needs and what
  /// those of this machine need together.
  public static double forecast(
      RunConfig config, Path run, Processes processes, RunListener listener) throws IOException {
    Torch.requireDevice("runtime.device", config.runtime().device());
    RankMesh mesh = processes.mesh(config);
    mesh.requireWork(config.training());
    Forecast forecast = Forecast.of(config.model(), config.training(), config.runtime(), mesh);
    listener.forecast(config, forecast);
    int ranksHere = processes.ranksHere(config);
    if (ranksHere > 1) {
      listener.memoryHere(ranksHere, processes.memoryBytes(config, forecast));
    }
    boolean cpu = config.runtime().device().equals("cpu");
    if (cpu) {
      forecast.requireMemory(
          ProcessMemory.available(),
          ranksHere,
          processes.here(),
          config.model(),
          config.training(),
          config.runtime());
    }
    Path existing = run.toAbsolutePath();
    while (existing != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    if (existing == null) {
      throw new EnvironmentException(
          FieldMessage.of("the disk of %s is not there: %s", Field.of("run"), run));
    }
    forecast.requireDisk(Files.getFileStore(existing).getUsableSpace(), config.checkpoint().keep());
    RuntimeConfig runtime = processes.runtime(config);
    double rate;
    try (TorchThreads _ = Torch.threads(runtime.threads())) {
      rate =
          processes.together(config, Runtime.getRuntime().availableProcessors())
              * MatrixRate.measure(runtime.precision(), runtime.device());
    }
    double seconds = forecast.seconds(rate, Forecast.efficiency(config.model(), config.runtime()));
    listener.duration(config, cpu && mesh.ranks() == 1 ? seconds : Double.NaN, rate);
    return rate;
  }

  private Result run() throws IOException {
    double rate = forecast(config, start.run(), listener);
    try (TokenShards shards = Tokenization.prepare(config.corpus(), listener)) {
      listener.corpus(shards);
      try (RunDirectory directory = directory()) {
        Result result = train(directory, shards, rate);
        if (result.end() == Result.End.FINISHED && parts.ranks().writes()) {
          finish();
        }
        return result;
      }
    }
  }

  RunDirectory directory() throws IOException {
    if (!parts.ranks().writes()) {
      return RunDirectory.ofAnotherRank(start.run());
    }
    return start.resume() ? RunDirectory.existing(start.run()) : RunDirectory.create(start.run());
  }

  /// Trains, and evaluates what was trained. Called on all ranks.
  Result train(RunDirectory directory, TokenShards shards, double rate) throws IOException {
    Tokenizer tokenizer = Tokenizers.of(config.corpus().tokenizer());
    Result result = steps(directory, TrainingData.of(config, shards, tokenizer), rate);
    if (result.end() == Result.End.FINISHED) {
      new RunEvaluation(config, parts).run(tokenizer, shards.validation(), start.run());
    }
    return result;
  }

  private Result steps(RunDirectory directory, TrainingData data, double rate) throws IOException {
    Path path = directory.path();
    Optional<Checkpoint> from =
        start.resume() && !Checkpoint.list(path).isEmpty()
            ? Optional.of(Checkpoint.resolve(path))
            : Optional.empty();
    try (TrainingRun run =
        TrainingRun.open(
            config,
            directory,
            from,
            start.init(),
            data,
            new TrainingRun.Setup(
                parts.operators(), parts.runtime(), parts.ranks(), listener, rate))) {
      if (parts.ranks().writes()) {
        RunEnvironment.write(path, parts.runtime(), run.model(), rate, parts.program());
      }
      listener.training(path, run.state().step(), from.isPresent(), run::requestStop);
      Result.End end =
          switch (trained(run, path)) {
            case FINISHED, TIME_UP -> Result.End.FINISHED;
            case STOPPED -> Result.End.STOPPED;
            case NOT_FINITE -> Result.End.NOT_FINITE;
          };
      long step = run.state().step();
      listener.trained(path, step, end == Result.End.STOPPED);
      return new Result(end, step, path);
    }
  }

  /// Whatever can't be written on the way is the environment's fault, and nothing is half-written:
  /// the last checkpoint stands.
  private static Trainer.End trained(TrainingRun run, Path path) throws IOException {
    try {
      return run.run();
    } catch (IOException e) {
      throw new EnvironmentException(
          FieldMessage.of(
              "step %d could not be recorded (%s): the last checkpoint in %s is whole; make room on its disk, then %s",
              run.state().step(), String.valueOf(e.getMessage()), path, Field.of("resume", path)),
          e);
    }
  }

  /// Writes `sample.txt` and `report.html`.
  void finish() throws IOException {
    if (config.sample().tokens() > 0) {
      Checkpoint checkpoint = Checkpoint.resolve(start.run());
      try (LoadedModel model = LoadedModel.open(checkpoint, parts.runtime(), parts.operators())) {
        listener.sample(RunSample.write(config.sample(), model, start.run()));
      }
    }
    listener.report(RunReport.write(start.run()));
  }
}
