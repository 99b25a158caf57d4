// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.Quantization;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.experiments.stream.InferenceBenchmark;
import dev.longnet.experiments.stream.InferenceBenchmark.Result;
import dev.longnet.experiments.stream.InferenceBenchmark.Side;
import dev.longnet.experiments.stream.StreamModels;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet bench inference`: a model in float32 beside itself in int8.
@Command(
    name = "inference",
    description =
        "A model in float32 and in int8, in one run: perplexity, prompt and generation speed "
            + "beside the machine's limits.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "With a RUN its held-out text is scored by both. Without one the weights are random, in the",
      "shape the options give, with the paper's branches. A prompt's speed stands beside libtorch's",
      "matrix products, that of one token at a time (after 128 tokens) beside reading the weights",
      "once from memory. Rounds alternate; medians.",
      "",
      "Examples:",
      "  longnet bench inference runs/quickstart",
      "  longnet bench inference --hidden 768 --layers 12",
      "  longnet bench inference --hidden 256 --layers 4 --prompt-tokens 65536"
    })
final class BenchInferenceCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Parameters(
      paramLabel = "RUN",
      arity = "0..1",
      description = "A run or a checkpoint in float32, instead of random weights.")
  @Nullable Path run;

  @Option(
      names = "--hidden",
      paramLabel = "C",
      description = "Width of a random model (default: ${DEFAULT-VALUE}).")
  int hidden = 768;

  @Option(
      names = "--layers",
      paramLabel = "L",
      description = "Layers of a random model (default: ${DEFAULT-VALUE}).")
  int layers = 12;

  @Option(
      names = "--heads",
      paramLabel = "H",
      description = "Heads of a random model (default: one for 64 channels).")
  @Nullable Integer heads;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      description = "Length of the timed prompt (default: ${DEFAULT-VALUE}).")
  int promptTokens = 8192;

  @Option(
      names = "--text-tokens",
      paramLabel = "N",
      description = "Held-out tokens to score (default: ${DEFAULT-VALUE}).")
  int textTokens = 262_144;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "How often everything is timed (default: ${DEFAULT-VALUE}).")
  int rounds = 5;

  @Mixin StreamComputeOptions compute;

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    results.check();
    if (textTokens < 1) {
      throw new IllegalArgumentException(
          "--text-tokens must be positive: --text-tokens=" + textTokens);
    }
    if (promptTokens < 1 || rounds < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s must be positive: %s",
              promptTokens < 1 ? "--prompt-tokens" : "--rounds",
              promptTokens < 1 ? "--prompt-tokens=" + promptTokens : "--rounds=" + rounds));
    }
    if (run == null) {
      ModelConfig config =
          StreamModels.paper(layers, hidden, heads == null ? Math.max(1, hidden / 64) : heads);
      measure(config, StreamModels.weights(config, 1), new int[0]);
      return 0;
    }
    Checkpoint checkpoint = Checkpoint.resolve(run);
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.weights())) {
      if (file.names().stream().anyMatch(name -> file.tensor(name).type() == DType.I8)) {
        throw new IllegalArgumentException("already quantised, give the float32 run: " + run);
      }
      measure(checkpoint.model(), file::tensor, text(checkpoint));
    }
    return 0;
  }

  /// The beginning of what the run's corpus holds out.
  private int[] text(Checkpoint checkpoint) throws IOException {
    Optional<RunConfig> recipe = RunRecipe.of(checkpoint);
    if (recipe.isEmpty()) {
      spec.commandLine()
          .getErr()
          .println("no perplexity: " + run + " has no recipe.yaml that names its corpus");
      return new int[0];
    }
    CorpusConfig corpus =
        recipe
            .get()
            .corpus()
            .withTokenizer(RunRecipe.tokenizer(recipe, checkpoint, spec.commandLine().getErr()));
    TokenizationDisplay display =
        new TokenizationDisplay(
            spec.commandLine().getErr(), System.console() != null && System.console().isTerminal());
    try (TokenShards shards = Tokenization.prepare(corpus, display)) {
      display.done();
      TokenSplit held = shards.validation();
      long[] ids = new long[(int) Math.min(textTokens + 1L, held.size())];
      held.copy(0, ids.length, MemorySegment.ofArray(ids));
      return java.util.Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    }
  }

  private void measure(ModelConfig config, Function<String, TensorEntry> weights, int[] text)
      throws IOException {
    try (Arena arena = Arena.ofConfined();
        StreamingModel fp32 = StreamingModel.load(config, weights, compute.options());
        StreamingModel int8 =
            StreamingModel.load(
                config,
                Quantization.int8(Blueprint.of(config), weights, arena),
                compute.options())) {
      results.run(
          InferenceBenchmark.experiment(
              fp32,
              int8,
              text,
              promptTokens,
              rounds,
              ResultOptions.progress(spec),
              result -> show(fp32, text.length - 1, result)),
          spec);
    }
  }

  /// @param scored tokens whose perplexity was taken
  private void show(StreamingModel fp32, int scored, Result r) {
    PrintWriter out = spec.commandLine().getOut();
    ModelConfig config = fp32.config();
    out.printf(
        Locale.ROOT,
        "%d layers, %d wide, %d heads, %.2f M parameters; %s%n%n",
        config.layers(),
        config.hidden(),
        config.heads(),
        new ModelCost(config).parameters() / 1e6,
        fp32.describe());
    out.printf(Locale.ROOT, "%-32s %14s %14s%n", "", "fp32", "int8");
    row(
        out,
        "weights",
        StreamDisplay.size(r.fp32().weightBytes()),
        StreamDisplay.size(r.int8().weightBytes()),
        "%.1f %%",
        100.0 * r.int8().weightBytes() / r.fp32().weightBytes());
    if (scored > 0) {
      row(
          out,
          String.format(Locale.ROOT, "perplexity, %,d tokens", scored),
          perplexity(r.fp32()),
          perplexity(r.int8()),
          "%+.3f %%",
          100 * (r.int8().perplexity() / r.fp32().perplexity() - 1));
    }
    row(
        out,
        "prompt, tokens/s",
        speed(r.fp32().prefillTokensPerSecond()),
        speed(r.int8().prefillTokensPerSecond()),
        "%.2f times",
        r.int8().prefillTokensPerSecond() / r.fp32().prefillTokensPerSecond());
    row(
        out,
        "  share of matrix products",
        percent(r.prefillShare(r.fp32())),
        percent(r.prefillShare(r.int8())),
        "of %.0f GFLOP/s",
        r.matrixRate() / 1e9);
    row(
        out,
        "generation, tokens/s",
        speed(r.fp32().decodeTokensPerSecond()),
        speed(r.int8().decodeTokensPerSecond()),
        "%.2f times",
        r.int8().decodeTokensPerSecond() / r.fp32().decodeTokensPerSecond());
    row(
        out,
        "  share of reading the weights",
        percent(r.decodeShare(r.fp32())),
        percent(r.decodeShare(r.int8())),
        "at %.1f GB/s",
        r.memoryRate() / 1e9);
    out.flush();
  }

  private static void row(
      PrintWriter out, String name, String fp32, String int8, String noteFormat, double note) {
    out.printf(
        Locale.ROOT,
        "%-32s %14s %14s   %s%n",
        name,
        fp32,
        int8,
        String.format(Locale.ROOT, noteFormat, note));
  }

  private static String perplexity(Side side) {
    return String.format(Locale.ROOT, "%.4f", side.perplexity());
  }

  private static String speed(double tokensPerSecond) {
    return String.format(Locale.ROOT, "%,.1f", tokensPerSecond);
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * share);
  }
}
