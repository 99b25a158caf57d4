// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.stream.StreamingCheckpoint;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.stream.StreamBenchmark;
import dev.longnet.experiments.stream.StreamComparison;
import dev.longnet.experiments.stream.StreamModels;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet bench stream`: one stream up to a billion tokens, or dilated beside sparse and dense.
@Command(
    name = "stream",
    description =
        "Streams the JDK's source, repeated, through a model and times every decade of tokens.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Without RUN: a byte model with random weights, 2 layers, hidden 64, 4 heads, branches "
          + "from 512 tokens up to --tokens.",
      "Ctrl-C saves the state; started again with the same --out, it goes on from its last saved state.",
      "",
      "Examples:",
      "  longnet bench stream --tokens 2e6",
      "  longnet bench stream --tokens 1e9 --out bench/stream-1e9",
      "  longnet bench stream --compare --tokens 262144 --out bench/compare"
    })
final class BenchStreamCommand implements Callable<Integer> {
  private static final long SAVE_EVERY = 10_000_000;

  @Spec CommandSpec spec;

  @Parameters(
      paramLabel = "RUN",
      arity = "0..1",
      description = "A run or a checkpoint instead of random weights.")
  @Nullable Path run;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "How many, such as 1e9 (default: 2e6; with --compare 262144).")
  @Nullable Long wanted;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "For results and the saved state (default: ${DEFAULT-VALUE}).")
  Path out = Path.of("bench", "stream");

  @Option(
      names = "--input",
      paramLabel = "FILE",
      arity = "1..*",
      description = "What to read, repeated (default: the JDK's lib/src.zip).")
  @Nullable List<Path> inputs;

  @Option(
      names = "--suffix",
      paramLabel = "TEXT",
      description = "Only files whose names end so (default: .java of the JDK's source, else all).")
  @Nullable String suffix;

  @Option(
      names = "--save-every",
      paramLabel = "M",
      description = "Tokens between two saved states (default: 10 million).")
  @Nullable Long saveEvery;

  @Option(
      names = "--compare",
      description =
          "Time and memory of dilated, sparse and dense attention side by side instead, in "
              + "small random models on random tokens.")
  boolean compare;

  @Mixin StreamComputeOptions compute;

  @Override
  public Integer call() throws IOException {
    long tokens = wanted != null ? wanted : compare ? 1 << 18 : 2_000_000;
    if (tokens < 1 || tokens > 1L << 40) {
      throw new IllegalArgumentException("--tokens must be from 1 to 2^40: --tokens=" + tokens);
    }
    PrintWriter text = spec.commandLine().getOut();
    if (compare) {
      refuseBesideCompare();
      text.printf(
          Locale.ROOT, "%-10s %12s %14s %12s%n", "attention", "tokens", "µs per token", "state");
      Experiment comparison =
          StreamComparison.experiment(
              tokens,
              compute.options(),
              out,
              p -> {
                text.printf(
                    Locale.ROOT,
                    "%-10s %,12d %14.2f %12s%n",
                    p.attention(),
                    p.tokens(),
                    p.microseconds(),
                    StreamDisplay.size(p.stateBytes()));
                text.flush();
              });
      comparison.run(
          ResultOptions.measured(comparison, spec), Optional.of(out.resolve("compare.json")));
      text.printf(Locale.ROOT, "%nresults in %s%n", out);
      text.flush();
      return 0;
    }
    List<Path> read = inputs;
    String ending = suffix == null ? "" : suffix;
    if (read == null) {
      Path source = Path.of(System.getProperty("java.home"), "lib", "src.zip");
      if (!Files.isReadable(source)) {
        throw new IllegalArgumentException(
            "this JDK has no lib/src.zip: name another input with --input");
      }
      read = List.of(source);
      ending = suffix == null ? ".java" : suffix;
    }
    try (StreamingCheckpoint model = model(tokens);
        BenchStreamDisplay display = new BenchStreamDisplay(spec.commandLine(), tokens)) {
      text.printf(
          Locale.ROOT,
          "%s; weights %s%n%n%15s %10s %12s %11s %10s %14s%n",
          model.model().describe(),
          StreamDisplay.size(model.model().weightBytes()),
          "tokens",
          "seconds",
          "tokens/s",
          "perplexity",
          "state",
          "peak resident");
      text.flush();
      Experiment experiment =
          StreamBenchmark.experiment(
              model.model(),
              new StreamBenchmark.Text(read, ending, model.tokenizer()),
              new StreamBenchmark.Plan(tokens, saveEvery == null ? SAVE_EVERY : saveEvery, out),
              display);
      // Where an earlier start of the same run was measured is where it was measured.
      Measured measured =
          StreamBenchmark.earlier(out)
              .map(ResultTable::measured)
              .orElse(ResultOptions.measured(experiment, spec));
      List<StreamBenchmark.Mark> marks =
          StreamBenchmark.marks(
              experiment.run(measured, Optional.of(out.resolve(StreamBenchmark.RESULTS))));
      if (marks.isEmpty() || marks.getLast().tokens() < tokens) {
        text.printf(Locale.ROOT, "stopped and saved in %s; the same command goes on%n", out);
        text.flush();
        return StopOnInterrupt.EXIT_CODE;
      }
      double exponent = StreamBenchmark.exponent(marks);
      String law =
          Double.isFinite(exponent)
              ? String.format(Locale.ROOT, "time ~ tokens^%.4f beyond 100,000 tokens; ", exponent)
              : "";
      text.printf(Locale.ROOT, "%n%sresults in %s%n", law, out);
      text.flush();
    }
    return 0;
  }

  private void refuseBesideCompare() {
    String given =
        run != null
            ? "RUN"
            : inputs != null
                ? "--input"
                : suffix != null ? "--suffix" : saveEvery != null ? "--save-every" : null;
    if (given != null) {
      throw new IllegalArgumentException(
          "--compare makes its own models and tokens and saves no state: leave out " + given);
    }
  }

  private StreamingCheckpoint model(long tokens) throws IOException {
    if (run != null) {
      return StreamingCheckpoint.open(Checkpoint.resolve(run), compute.options());
    }
    Tokenizer bytes = Tokenizers.of("bytes");
    return new StreamingCheckpoint(
        StreamModels.random(StreamModels.small(StreamModels.growing(tokens)), 1, compute.options()),
        bytes);
  }
}
