// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.data.source.Reading;
import dev.longnet.core.data.source.RejectedException;
import dev.longnet.core.data.source.Sources;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.experiments.reproduce.EvidenceSet;
import dev.longnet.experiments.reproduce.Findings;
import dev.longnet.experiments.reproduce.Models;
import dev.longnet.experiments.reproduce.Plan;
import dev.longnet.experiments.reproduce.Publisher;
import dev.longnet.experiments.reproduce.Reproduce;
import dev.longnet.experiments.reproduce.Reproduction;
import dev.longnet.experiments.reproduce.Reproductions;
import dev.longnet.experiments.reproduce.Scale;
import dev.longnet.experiments.reproduce.Setting;
import dev.longnet.lm.run.Parts;
import dev.longnet.lm.run.Result;
import dev.longnet.lm.run.Start;
import dev.longnet.lm.run.Training;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.train.MatrixRate;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet reproduce`: the paper's experiments, repeated.
@Command(
    name = "reproduce",
    description =
        "Repeats the paper's experiments and writes what they gave: tables, plots, RESULTS.md.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "It says the plan and its hours first. Each finished run leaves a small file; a later call, here or on",
      "another machine, goes on behind the last one. Ctrl-C saves the run under way.",
      "",
      "Examples:",
      "  longnet reproduce --dry-run",
      "  longnet reproduce --scale quick",
      "  longnet reproduce table2 --pilot",
      "  longnet reproduce table2 figure7b --seeds 1",
      "  longnet reproduce recall --seeds 1",
      "  longnet reproduce table2 --only dense-512,ours-8k-seed3",
      "  longnet reproduce dna --corpus apes.fa.gz",
      "  longnet reproduce --tables",
      "  longnet reproduce --scale gpu --dry-run"
    })
final class ReproduceCommand implements Callable<Integer> {
  private static final Path EVIDENCE = Path.of("docs", "evidence");

  @Spec CommandSpec spec;

  @Parameters(
      paramLabel = "EXPERIMENT",
      arity = "0..*",
      description = "table2, …, or all (default: all).")
  List<String> names = List.of();

  @Option(
      names = "--scale",
      paramLabel = "SCALE",
      description =
          "quick: minutes, to see that it works; machine: a quarter of the paper's lengths; gpu: the paper's own (default: ${DEFAULT-VALUE}).")
  Scale scale = Scale.MACHINE;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      description =
          "Runs of each row, as far as an experiment wants several (default: ${DEFAULT-VALUE}).")
  int seeds = 3;

  @Option(
      names = "--only",
      paramLabel = "ROW",
      split = ",",
      description =
          "Only these rows or runs of the plan, such as ours-8k or ours-8k-seed3: machines share a plan out.")
  List<String> only = List.of();

  @Option(
      names = "--pilot",
      description =
          "One seed and a fifth of the tokens, kept apart: to find mistakes before days are spent.")
  boolean pilot;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Models, recipes and tables go there (default: ${DEFAULT-VALUE}).")
  Path out = Path.of("runs", "reproduce");

  @Option(
      names = "--evidence",
      paramLabel = "DIR",
      description = {
        "What finished runs leave (default: docs/evidence, of a pilot docs/evidence/pilot, at quick scale evidence in --out)."
      })
  @Nullable Path evidence;

  @Option(
      names = "--corpus",
      paramLabel = "FASTA",
      description =
          "Aligned genomes, for dna: a FASTA file, compressed or not. Repeat for several.")
  List<Path> corpus = List.of();

  @Option(names = "--dry-run", description = "Say the plan and its hours, and stop.")
  boolean dryRun;

  @Option(
      names = "--tables",
      description =
          "Train and measure nothing: make tables and plots from the evidence that is there.")
  boolean tables;

  @Override
  public Integer call() throws IOException {
    List<Reproduction> experiments = experiments();
    for (Path file : corpus) {
      requireFasta(file);
    }
    Setting setting =
        new Setting(scale, seeds, pilot, scale == Scale.QUICK ? out.resolve("quick") : out, corpus);
    EvidenceSet found = EvidenceSet.read(evidence(setting));
    PrintWriter text = spec.commandLine().getOut();
    List<Reproduction> ready = ready(experiments, setting, text);
    Reproduce reproduce = new Reproduce(setting, ready, found, Models.onDisk(this::train));
    Plan plan =
        reproduce
            .plan(scale == Scale.GPU ? Double.NaN : MatrixRate.measure(Precision.BF16, "cpu"))
            .only(only);
    for (Reproduction experiment : ready) {
      text.printf(Locale.ROOT, "%-10s %s%n", experiment.name(), experiment.about());
    }
    plan.lines().forEach(text::println);
    text.flush();
    if (dryRun) {
      return 0;
    }
    Publisher publisher = publisher(setting);
    boolean finished = tables || run(reproduce, plan, publisher, experiments, setting, found);
    publish(publisher, experiments, setting, found)
        .forEach(file -> text.println("written: " + file));
    if (!finished) {
      text.println("stopped; the same command goes on from here");
    }
    text.flush();
    return finished ? 0 : StopOnInterrupt.EXIT_CODE;
  }

  /// What is not there or is something else is said before the plan, whichever experiments run.
  private static void requireFasta(Path file) throws IOException {
    CorpusSource source = CorpusSource.of(file.toString());
    Sources.state(source); // folders and globs are taken as everywhere
    if (!Files.isRegularFile(file)) {
      return;
    }
    String what;
    try {
      Reading reading = Reading.of(file, source, InputPolicy.DEFAULT, false);
      if (reading.kind() == Reading.Kind.FASTA) {
        return;
      }
      what = reading.words();
    } catch (RejectedException e) {
      what = e.getMessage();
    }
    throw new FieldException(
        FieldMessage.of(
            "%s must name FASTA, a file such as apes.fa or apes.fa.gz whose first record begins with"
                + " '>': %s is read as %s",
            Field.of("corpus"), file, what),
        null);
  }

  /// Those that have all they need. Among all of them one that lacks something is left out with a
  /// line; one that was named is a mistake, unless tables are all that is wanted.
  private List<Reproduction> ready(
      List<Reproduction> experiments, Setting setting, PrintWriter text) {
    List<Reproduction> ready = new ArrayList<>();
    for (Reproduction experiment : experiments) {
      Optional<FieldMessage> lacks = experiment.lacks(setting);
      if (lacks.isEmpty()) {
        ready.add(experiment);
      } else if (!tables && names.contains(experiment.name())) {
        throw new FieldException(lacks.get(), null);
      } else if (!tables) {
        text.println("left out: " + lacks.get().text(new Flags(spec)::of));
      }
    }
    return ready;
  }

  /// @return false where it was asked to stop
  private boolean run(
      Reproduce reproduce,
      Plan plan,
      Publisher publisher,
      List<Reproduction> experiments,
      Setting setting,
      EvidenceSet found)
      throws IOException {
    PrintWriter text = spec.commandLine().getOut();
    if (scale == Scale.GPU && !plan.open().isEmpty()) {
      Torch.requireDevice("runtime.device", "cuda");
    }
    Reproduce.Told told =
        new Reproduce.Told(
            command(),
            line -> {
              text.println(line);
              text.flush();
            },
            new TokenizationDisplay(spec.commandLine().getErr(), terminal()));
    return reproduce.run(plan, told, () -> publish(publisher, experiments, setting, found));
  }

  private static boolean terminal() {
    return System.console() != null && System.console().isTerminal();
  }

  private List<Reproduction> experiments() {
    return names.isEmpty() || names.contains("all")
        ? Reproductions.all()
        : names.stream().distinct().map(Reproductions::named).toList();
  }

  private Path evidence(Setting setting) {
    if (evidence != null) {
      return evidence;
    }
    if (scale == Scale.QUICK) {
      return setting.out().resolve("evidence");
    }
    return pilot ? EVIDENCE.resolve("pilot") : EVIDENCE;
  }

  /// A project's page shows what the machine scale gave, and no trial.
  private Publisher publisher(Setting setting) {
    boolean shown = scale == Scale.MACHINE && !pilot && evidence == null;
    return new Publisher(
        setting.out().resolve(pilot ? "tables-pilot" : "tables"),
        shown ? Publisher.Project.in(Path.of("")) : Optional.empty());
  }

  private static List<Path> publish(
      Publisher publisher, List<Reproduction> experiments, Setting setting, EvidenceSet found) {
    try {
      List<Findings> all = new ArrayList<>();
      for (Reproduction experiment : experiments) {
        all.add(experiment.findings(setting, found));
      }
      return publisher.publish(all);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Result train(RunConfig config, Start start) throws IOException {
    PrintWriter text = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    try (TrainDisplay display = new TrainDisplay(text, err, terminal(), config)) {
      return Training.run(config, start, Parts.of(config, display, Version.text()));
    }
  }

  private String command() {
    return "longnet reproduce"
        + (scale == Scale.MACHINE ? "" : " --scale " + scale.label())
        + (pilot ? " --pilot" : "");
  }
}
