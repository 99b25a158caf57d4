// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.launch.Launch;
import dev.longnet.core.launch.LaunchEnvironment;
import dev.longnet.lm.run.DistributedTraining;
import dev.longnet.lm.run.InitialWeights;
import dev.longnet.lm.run.Parts;
import dev.longnet.lm.run.Processes;
import dev.longnet.lm.run.Result;
import dev.longnet.lm.run.Start;
import dev.longnet.lm.run.Training;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
      "Under torchrun, srun, an Indexed Job and their like each process is a rank (docs/distributed.md).",
      "",
      "Examples:",
      "  longnet train",
      "  longnet train --corpus ~/src/myproject --out runs/mine",
      "  longnet train --corpus code.tar.zst=3 --corpus docs=1",
      "  longnet train --recipe base-125m --dry-run",
      "  longnet train --set model.layers=6 --set optimizer.learning_rate=1e-3 --max-minutes 10",
      "  longnet train --resume --out runs/mine",
      "  longnet train --ranks 2",
      "  longnet train --init runs/dense --set model.attention='{type: dilated, "
          + "segment_lengths: [256, 1024], dilations: [1, 4]}'"
    })
final class TrainCommand implements Callable<Integer> {
  private static final String QUICKSTART = "quickstart";
  private static final Path RUNS = Path.of("runs");

  @Spec CommandSpec spec;

  @Option(
      names = "--recipe",
      paramLabel = "NAME|FILE",
      description = "A recipe that comes with longnet, or a .yaml file (default: quickstart).")
  @Nullable String recipe;

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
  @Nullable Path out;

  @Option(
      names = "--resume",
      description = "Go on with the run in --out, or with the recipe's latest run.")
  boolean resume;

  @Option(
      names = "--init",
      paramLabel = "RUN",
      description =
          "Start from the weights and the shape of this run or checkpoint, with the recipe's attention.")
  @Nullable Path init;

  @Option(
      names = "--max-steps",
      paramLabel = "N",
      description = "Stop after step N; the schedule stays the recipe's.")
  @Nullable Long maxSteps;

  @Option(
      names = "--max-minutes",
      paramLabel = "M",
      description = "Stop after M minutes of training, with a checkpoint.")
  @Nullable Double maxMinutes;

  @Option(names = "--dry-run", description = "Say what the run would need, and stop.")
  boolean dryRun;

  @Option(
      names = "--resume-if-begun",
      description =
          "Go on with the run in --out where it has begun, else begin it: for launchers that start a command again.")
  boolean resumeIfBegun;

  @Mixin RankOptions ranks = new RankOptions();

  /// @param start where the run lives and what it starts from
  private record Choice(RunConfig config, Start start) {}

  @Override
  public Integer call() throws IOException {
    Map<String, String> environment = System.getenv();
    Optional<Handover> told = Handover.of(environment);
    Optional<Integer> sparkCores =
        told.isPresent() ? Optional.empty() : SparkRanks.taskCores(environment);
    OptionalInt asked = told.isPresent() ? OptionalInt.empty() : ranks.number();
    // Spark's driver is no rank, whatever started it.
    Optional<Launch> launch =
        sparkCores.isPresent() ? Optional.empty() : LaunchEnvironment.read(asked, environment);
    if (sparkCores.isPresent()) {
      SparkRanks.check(ranks);
    }
    ranks.check(launch);
    if (told.isPresent()) {
      ParentWatch.start();
    }
    Choice choice = choose(told);
    ranks.checkMesh(launch, choice.config.training());
    sparkCores.ifPresent(cores -> SparkRanks.checkThreads(choice.config.runtime(), cores));
    boolean terminal = terminal() || told.map(Handover::terminal).orElse(false);
    boolean starts = sparkCores.isPresent() || ranks.starts(told);
    if (dryRun || launch.isEmpty() && !starts) {
      CommandLine line = spec.commandLine();
      try (TrainDisplay display =
          new TrainDisplay(line.getOut(), line.getErr(), terminal, choice.config)) {
        if (dryRun) {
          Processes processes =
              sparkCores.map(ranks::processesOfTasks).orElseGet(() -> ranks.processes(launch));
          Training.forecast(choice.config, choice.start.run(), processes, display);
          return 0;
        }
        Parts parts = Parts.of(choice.config, display, Version.text());
        return code(
            choice.config, Training.run(choice.config, choice.start, parts, ranks.sequenceRanks()));
      }
    }
    return launch.isEmpty()
        ? startRanks(choice, sparkCores.<Ranks>map(this::onSpark).orElseGet(this::here))
        : RankGroup.work(
            launch.get(), ranks, new Flags(spec), group -> joinRanks(group, choice, terminal));
  }

  private static int code(RunConfig config, Result result) throws IOException {
    return switch (result.end()) {
      case FINISHED -> 0;
      case STOPPED -> StopOnInterrupt.EXIT_CODE;
      case NOT_FINITE -> throw notFinite(config, result);
    };
  }

  private Ranks here() {
    RankCommand command =
        RankCommand.ofThisProcess(spec.root().commandLine().getParseResult().originalArgs());
    return LocalRanks.of(command, ranks.timeout());
  }

  private Ranks onSpark(int cores) {
    return new SparkRanks(cores, ranks.timeout(), System.in, System.out);
  }

  /// Ranks run this command too and are told which run it is.
  private int startRanks(Choice choice, Ranks starter) throws IOException {
    Start start = choice.start;
    if (!start.resume()) {
      RunDirectory.requireNew(start.run());
    }
    LocalTraining training =
        new LocalTraining(
            starter,
            ranks,
            choice.config.training().virtualShards(),
            choice.config.runtime().threads(),
            start.init().isPresent(),
            spec.commandLine().getErr());
    return training.run(
        ranks.number().orElseThrow(), new Handover(start.run(), start.resume(), terminal()));
  }

  private int joinRanks(RankGroup group, Choice own, boolean terminal) throws IOException {
    Handover mine = new Handover(own.start.run(), own.start.resume(), terminal);
    Handover first = group.agreed(mine);
    Choice choice = first.equals(mine) ? own : choose(Optional.of(first));
    CommandLine line = spec.commandLine();
    PrintWriter log = group.prints() ? null : group.log(choice.start.run());
    // Not closed: while a stop is waited for, the process ends when this rank has ended.
    TrainDisplay display =
        new TrainDisplay(
            log == null ? line.getOut() : log,
            log == null ? line.getErr() : log,
            terminal && group.launch().rank() == 0,
            choice.config);
    return code(
        choice.config,
        DistributedTraining.run(
            choice.config,
            choice.start,
            display,
            Version.text(),
            group.world(),
            ranks.processes(Optional.of(group.launch()))));
  }

  /// Which run this is.
  ///
  /// @param told what another process decided already
  private Choice choose(Optional<Handover> told) throws IOException {
    if (init != null && resume) {
      throw new IllegalArgumentException(
          "--init starts a new run, --resume goes on with one: give one of them");
    }
    boolean goesOn = told.isPresent() ? told.get().resume() : resume || resumeIfBegun && begun();
    Path path = told.isPresent() ? told.get().run() : goesOn ? existing() : null;
    RunConfig config = config(goesOn ? path : null);
    Optional<Checkpoint> initial = Optional.empty();
    if (init != null && !goesOn) {
      initial = Optional.of(Checkpoint.resolve(init));
      config = InitialWeights.apply(config, initial.get(), overrides);
    }
    if (path == null) {
      path = out != null ? out : RunDirectory.next(RUNS, config.name());
    }
    return new Choice(config, new Start(path, goesOn, initial));
  }

  private boolean begun() {
    if (out == null) {
      throw new IllegalArgumentException(
          "--resume-if-begun must come with --out, the run it is about");
    }
    return Files.isRegularFile(out.resolve("recipe.yaml"));
  }

  private static boolean terminal() {
    return System.console() != null && System.console().isTerminal();
  }

  private static IllegalArgumentException notFinite(RunConfig config, Result result)
      throws IOException {
    return new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "%d steps in a row had a loss or gradient that is not finite: stopped at step %d, "
                + "%s; try a smaller optimizer.learning_rate=%s or more schedule.warmup_steps=%d",
            config.training().skipLimit(),
            result.step(),
            Checkpoint.list(result.run()).isEmpty()
                ? "before the first checkpoint"
                : "the last good checkpoint is kept",
            config.optimizer().learningRate(),
            config.schedule().warmupSteps()));
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

  private RunConfig config(@Nullable Path resumed) throws IOException {
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
      return load(recipe == null ? QUICKSTART : recipe, all, null);
    }
    if (!Files.isRegularFile(resumed.resolve("recipe.yaml"))) {
      throw new IllegalArgumentException(
          "no run to resume in " + resumed + ": it has no recipe.yaml");
    }
    // The bounds of the run before do not bind this one.
    all.addFirst("training.max_steps=0");
    all.addFirst("training.max_minutes=0");
    return ownTokenizer(load(resumed.resolve("recipe.yaml").toString(), all, resumed), resumed);
  }

  /// A run goes on with the tokenizer it began with: its recipe's file, or the run's copy where
  /// that file is gone or another one now.
  private RunConfig ownTokenizer(RunConfig config, Path run) throws IOException {
    String given = config.corpus().tokenizer();
    Path copy = run.resolve(Checkpoint.TOKENIZER);
    boolean chosen = overrides.stream().anyMatch(o -> o.startsWith("corpus"));
    if (chosen || !Tokenizers.isFile(given) || !Files.isRegularFile(copy)) {
      return config;
    }
    Path file = Path.of(given);
    if (Files.isRegularFile(file) && Files.mismatch(file, copy) < 0) {
      return config;
    }
    PrintWriter err = spec.commandLine().getErr();
    err.println(
        given
            + " is gone or another tokenizer now than the one of training: its copy in the run is used");
    err.flush();
    return config.withCorpus(config.corpus().withTokenizer(copy.toString()));
  }

  /// @param run whose copy of a tokenizer's file tells its vocabulary
  private static RunConfig load(String nameOrFile, List<String> overrides, @Nullable Path run)
      throws IOException {
    return Recipes.load(
        nameOrFile,
        new Recipes.Overrides("--set", overrides),
        name -> Tokenizers.vocabularySize(found(name, run)));
  }

  private static String found(String tokenizer, @Nullable Path run) {
    if (run != null
        && Tokenizers.isFile(tokenizer)
        && Files.isRegularFile(run.resolve(Checkpoint.TOKENIZER))) {
      return run.resolve(Checkpoint.TOKENIZER).toString();
    }
    return tokenizer;
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
