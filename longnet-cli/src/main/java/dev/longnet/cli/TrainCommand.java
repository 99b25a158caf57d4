package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.machine.ProcessMemory;
import dev.longnet.lm.train.InitialWeights;
import dev.longnet.lm.train.MatrixRate;
import dev.longnet.lm.train.ProgressLine;
import dev.longnet.lm.train.RunEnvironment;
import dev.longnet.lm.train.StepMetrics;
import dev.longnet.lm.train.Trainer;
import dev.longnet.lm.train.TrainingListener;
import dev.longnet.lm.train.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet train`: from a recipe to a run's directory.
@Command(
    name = "train",
    description =
        "Trains a language model as a recipe says; without options: the quickstart, a model of the JDK's source code.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A run's directory holds its recipe, metrics.jsonl, TensorBoard's event files, checkpoints and report.html.",
      "Ctrl-C saves a checkpoint and ends the run; --resume goes on from there as if nothing had happened.",
      "",
      "Examples:",
      "  longnet train",
      "  longnet train --corpus ~/src/myproject --out runs/mine",
      "  longnet train --corpus code.tar.zst=3 --corpus docs=1",
      "  longnet train --recipe base-125m --dry-run",
      "  longnet train --set model.layers=6 --set optimizer.learning_rate=1e-3 --max-minutes 10",
      "  longnet train --resume --out runs/mine",
      "  longnet train --init runs/dense --set model.attention='{type: dilated, segment_lengths: [256, 1024], dilations: [1, 4]}'"
    })
final class TrainCommand implements Callable<Integer> {
  private static final String QUICKSTART = "quickstart";
  private static final Path RUNS = Path.of("runs");

  @Spec CommandSpec spec;

  @Option(
      names = "--recipe",
      paramLabel = "NAME|FILE",
      description = "A recipe that comes with longnet, or a .yaml file (default: quickstart).")
  String recipe;

  @Option(
      names = "--set",
      paramLabel = "PATH=VALUE",
      description = "Changes one key of the recipe, such as training.window=4096; repeatable.")
  List<String> overrides = List.of();

  @Option(
      names = "--corpus",
      paramLabel = "PATH",
      description = {
        "A directory, .zip, .jar, … instead of the recipe's corpus; jdk: the running JDK's sources; repeatable. "
            + "PATH=WEIGHT, for all or none, mixes windows by weight."
      })
  List<String> corpus = List.of();

  @Option(
      names = "--out",
      paramLabel = "RUN",
      description =
          "The run's directory (default: runs/NAME of the recipe, or the next free runs/NAME-2, …).")
  Path out;

  @Option(
      names = "--resume",
      description = "Go on with the run in --out, or with the recipe's latest run.")
  boolean resume;

  @Option(
      names = "--init",
      paramLabel = "RUN",
      description =
          "Start from the weights and the shape of this run or checkpoint, with the recipe's attention.")
  Path init;

  @Option(
      names = "--max-steps",
      paramLabel = "N",
      description = "Stop after step N; the schedule stays the recipe's.")
  Long maxSteps;

  @Option(
      names = "--max-minutes",
      paramLabel = "M",
      description = "Stop after M minutes of training, with a checkpoint.")
  Double maxMinutes;

  @Option(names = "--dry-run", description = "Say what the run would need, and stop.")
  boolean dryRun;

  @Override
  public Integer call() throws IOException {
    PrintWriter text = spec.commandLine().getOut();
    Path path = resume ? existing() : null;
    RunConfig config = config(path);
    if (init != null) {
      if (resume) {
        throw new IllegalArgumentException(
            "--init starts a new run, --resume goes on with one: give one of them");
      }
      config = InitialWeights.apply(config, Checkpoint.resolve(init), overrides);
    }
    if (path == null) {
      path = out != null ? out : RunDirectory.next(RUNS, config.name());
    }
    double rate = forecast(config, path, text);
    if (dryRun) {
      return 0;
    }
    boolean terminal = System.console() != null && System.console().isTerminal();
    TokenizationDisplay display = new TokenizationDisplay(spec.commandLine().getErr(), terminal);
    try (TokenShards shards = Tokenization.prepare(config.corpus(), display)) {
      display.done();
      text.printf(
          Locale.ROOT,
          "corpus       %s tokens to train on in %,d documents, %s held out%n",
          Forecast.si(shards.train().size()),
          shards.train().documents(),
          Forecast.si(shards.validation().size()));
      try (RunDirectory directory =
          resume ? RunDirectory.existing(path) : RunDirectory.create(path)) {
        return train(config, directory, shards, rate, terminal, text);
      }
    }
  }

  private int train(
      RunConfig config,
      RunDirectory directory,
      TokenShards shards,
      double rate,
      boolean terminal,
      PrintWriter text)
      throws IOException {
    Path path = directory.path();
    Optional<Checkpoint> from =
        Checkpoint.list(path).isEmpty() ? Optional.empty() : Optional.of(Checkpoint.resolve(path));
    ProgressLine progress = new ProgressLine(text, terminal, config.training().lastStep());
    try (TrainingRun run =
        TrainingRun.open(config, directory, from, initial(), shards, display(progress), rate)) {
      RunEnvironment.write(path, run.model().attention().describe(), rate, Version.text());
      if (run.state().step() >= config.training().lastStep()) {
        progress.note(
            "nothing to train: the run stands at step %,d, its last is %,d (training.steps, --max-steps)"
                .formatted(run.state().step(), config.training().lastStep()));
      }
      progress.note(
          "run          "
              + path
              + (from.isEmpty() ? "" : ", resumed after step " + run.state().step()));
      Trainer.End end;
      Runnable stop =
          () -> {
            progress.note("stopping after the pass under way, then saving a checkpoint …");
            run.requestStop();
          };
      try (StopOnInterrupt interrupt = StopOnInterrupt.install(stop)) {
        end = trained(run, path);
        progress.endLine();
        if (interrupt.requested()) {
          progress.note(
              "stopped after step %d and saved; go on with: longnet train --resume --out %s"
                  .formatted(run.state().step(), path));
          return StopOnInterrupt.EXIT_CODE;
        }
      }
      if (end == Trainer.End.NOT_FINITE) {
        throw new IllegalArgumentException(
            "%d steps in a row had a loss or gradient that is not finite: stopped at step %d, %s; try a smaller optimizer.learning_rate=%s or more schedule.warmup_steps=%d"
                .formatted(
                    config.training().skipLimit(),
                    run.state().step(),
                    Checkpoint.list(path).isEmpty()
                        ? "before the first checkpoint"
                        : "the last good checkpoint is kept",
                    config.optimizer().learningRate(),
                    config.schedule().warmupSteps()));
      }
    }
    new RunFinish(config, path, shards, text).write();
    return 0;
  }

  private Optional<Checkpoint> initial() throws IOException {
    return init == null ? Optional.empty() : Optional.of(Checkpoint.resolve(init));
  }

  /// Whatever can't be written on the way is the environment's fault, and nothing is half-written:
  /// the last checkpoint stands.
  private static Trainer.End trained(TrainingRun run, Path path) throws IOException {
    try {
      return run.run();
    } catch (IOException e) {
      throw new EnvironmentException(
          "step %d could not be recorded (%s): the last checkpoint in %s is whole; make room on its disk, then longnet train --resume --out %s"
              .formatted(run.state().step(), e.getMessage(), path, path),
          e);
    }
  }

  private Path existing() {
    if (out != null) {
      return out;
    }
    boolean named =
        recipe != null
            && !recipe.endsWith(".yaml")
            && !recipe.endsWith(".yml")
            && !recipe.contains("/");
    if (recipe != null && !named) {
      throw new IllegalArgumentException(
          "--resume reads the run's own recipe: name the run with --out instead of --recipe "
              + recipe);
    }
    return RunDirectory.latest(RUNS, recipe == null ? QUICKSTART : recipe);
  }

  private RunConfig config(Path resumed) throws IOException {
    List<String> all = new ArrayList<>(overrides);
    if (!corpus.isEmpty()) {
      // The recipe's globs are about the recipe's corpus.
      for (String globs : List.of("corpus.include=", "corpus.exclude=")) {
        if (overrides.stream().noneMatch(o -> o.startsWith(globs))) {
          all.addFirst(globs + "[]");
        }
      }
      all.add(
          "corpus.sources=["
              + String.join(", ", corpus.stream().map(TrainCommand::source).toList())
              + "]");
    }
    if (maxSteps != null) {
      if (maxSteps < 1) {
        throw new IllegalArgumentException("--max-steps must be positive: --max-steps=" + maxSteps);
      }
      all.add("training.max_steps=" + maxSteps);
    }
    if (maxMinutes != null) {
      if (!(maxMinutes > 0)) {
        throw new IllegalArgumentException(
            "--max-minutes must be positive: --max-minutes=" + maxMinutes);
      }
      all.add("training.max_minutes=" + maxMinutes);
    }
    if (resumed == null) {
      return load(recipe == null ? QUICKSTART : recipe, all);
    }
    if (!Files.isRegularFile(resumed.resolve("recipe.yaml"))) {
      throw new IllegalArgumentException(
          "no run to resume in " + resumed + ": it has no recipe.yaml");
    }
    // The bounds of the run before do not bind this one.
    all.addFirst("training.max_steps=0");
    all.addFirst("training.max_minutes=0");
    return load(resumed.resolve("recipe.yaml").toString(), all);
  }

  private static RunConfig load(String nameOrFile, List<String> overrides) throws IOException {
    return Recipes.load(
        nameOrFile, new Recipes.Overrides("--set", overrides), Tokenizers::vocabularySize);
  }

  /// Says what the run needs, refuses what cannot fit; returns the matrix-product rate.
  private double forecast(RunConfig config, Path run, PrintWriter text) throws IOException {
    ComputeOptions.requireGpu("runtime.device", config.runtime().device());
    Forecast forecast = Forecast.of(config.model(), config.training(), config.runtime());
    text.println(
        "recipe       "
            + config.name()
            + (config.about().isBlank() ? "" : ": " + config.about().strip()));
    forecast.lines().forEach(text::println);
    boolean cpu = config.runtime().device().equals("cpu");
    if (cpu) {
      forecast.requireMemory(
          ProcessMemory.available(), config.model(), config.training(), config.runtime());
    }
    Path existing = run.toAbsolutePath();
    while (existing != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    if (existing == null) {
      throw new EnvironmentException("the disk of --out is not there: " + run);
    }
    forecast.requireDisk(Files.getFileStore(existing).getUsableSpace(), config.checkpoint().keep());
    double rate = MatrixRate.measure(config.runtime().precision(), config.runtime().device());
    double seconds = forecast.seconds(rate, Forecast.efficiency(config.model(), config.runtime()));
    text.printf(
        Locale.ROOT,
        "time         about %s for %,d step%s of %,d tokens (matrix products run at %s here)%n",
        cpu ? ProgressLine.duration(seconds) : "?",
        config.training().lastStep(),
        config.training().lastStep() == 1 ? "" : "s",
        config.training().batchTokens(),
        Forecast.si(rate)
            + "FLOP/s"
            + (config.runtime().precision() == RuntimeConfig.Precision.BF16 ? " in bf16" : ""));
    text.flush();
    return rate;
  }

  private static TrainingListener display(ProgressLine progress) {
    return new TrainingListener() {
      @Override
      public void pass(long step, int passes, int of) {
        progress.pass(step, passes, of);
      }

      @Override
      public void step(StepMetrics metrics) {
        progress.step(metrics);
      }

      @Override
      public void validation(long step, double loss) {
        progress.note(String.format(Locale.ROOT, "step %d: validation loss %.4f", step, loss));
      }
    };
  }

  /// A source as YAML.
  private static String source(String argument) {
    OptionalDouble weight = CorpusOptions.weight(argument);
    String path = "'" + CorpusOptions.path(argument, weight).replace("'", "''") + "'";
    return weight.isEmpty()
        ? path
        : String.format(Locale.ROOT, "{path: %s, weight: %.9f}", path, weight.getAsDouble());
  }
}
