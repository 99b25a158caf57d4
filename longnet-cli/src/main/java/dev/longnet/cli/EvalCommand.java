// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.evaluate.ByPosition;
import dev.longnet.core.evaluate.Copies;
import dev.longnet.core.evaluate.Evaluation;
import dev.longnet.core.evaluate.EvaluationListener;
import dev.longnet.core.evaluate.EvaluationPlan;
import dev.longnet.core.evaluate.Evaluator;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.lm.inference.LoadedModel;
import dev.longnet.lm.torch.TorchThreads;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet eval`: perplexity and bits per byte of held-out documents at several lengths, and
/// against gzip.
@Command(
    name = "eval",
    description =
        "Measures a model on held-out documents: perplexity and bits per byte at several lengths, and against gzip -9.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "The same tokens are scored at every length: the held-out text is cut into windows of "
          + "that length, and each token is "
          + "predicted from what precedes it in its window. For gzip every document is "
          + "compressed, and predicted, on its own.",
      "Held out is what the corpus' split holds out, by content or by group: at the run's own "
          + "share training never saw it. By content that is so whatever the folder is called.",
      "",
      "Examples:",
      "  longnet eval runs/quickstart",
      "  longnet eval runs/quickstart --lengths 2048,8192,32768 --blockwise",
      "  longnet eval runs/quickstart --corpus src --validation 0.5 --json eval.json"
    })
final class EvalCommand implements Callable<Integer> {
  private static final double DOCUMENT_SHARE = 0.5;

  @Spec CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "A run or a checkpoint.")
  Path run;

  @Option(
      names = "--corpus",
      paramLabel = "PATH",
      description = "Documents to measure on (default: the run's own corpus); repeatable.")
  List<String> corpus = List.of();

  @Option(
      names = "--validation",
      paramLabel = "SHARE",
      description =
          "Share of the documents or groups of --corpus that is held out (default: ${DEFAULT-VALUE}).")
  double validation = CorpusConfig.DEFAULT_VALIDATION;

  @Option(
      names = "--holdout",
      paramLabel = "KIND",
      description =
          "Of --corpus, hold out each document by itself or whole groups: document or group (default: the run's).")
  Holdout.@Nullable Kind holdout;

  @Option(
      names = "--lengths",
      paramLabel = "N,...",
      split = ",",
      description = "Context lengths in tokens (default: the recipe's).")
  List<Long> lengths = List.of();

  @Option(
      names = "--blockwise",
      description =
          "Blockwise causal attention: no query looks further back than in training, for "
              + "lengths beyond the trained one.")
  boolean blockwise;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description =
          "Score about this many tokens at each length, and half as many of single documents "
              + "(default: ${DEFAULT-VALUE}).")
  long maxTokens = 262_144;

  @Option(
      names = "--copy-probe",
      paramLabel = "N",
      description =
          "Tokens of the copy probe: how far back the model finds what it has read "
              + "(default: ${DEFAULT-VALUE}; 0: none).")
  long copyProbe = 262_144;

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the results there.")
  @Nullable Path json;

  @Mixin ComputeOptions compute;

  @Override
  public Integer call() throws IOException {
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "--max-tokens must be positive: --max-tokens=" + maxTokens);
    }
    if (copyProbe < 0) {
      throw new IllegalArgumentException(
          "--copy-probe must be at least 0: --copy-probe=" + copyProbe);
    }
    AtomicFiles.check("--json", json);
    Checkpoint checkpoint = Checkpoint.resolve(run);
    Optional<RunConfig> recipe = RunRecipe.of(checkpoint);
    CorpusConfig config = corpus(checkpoint, recipe);
    List<Long> wanted = lengths(checkpoint, recipe);
    PrintWriter out = spec.commandLine().getOut();
    TokenizationDisplay display =
        new TokenizationDisplay(
            spec.commandLine().getErr(), System.console() != null && System.console().isTerminal());
    try (TokenShards shards = Tokenization.prepare(config, display)) {
      display.done();
      TokenSplit held = shards.validation();
      if (held.documents() == 0) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "none of the corpus' %d documents is held out: --validation=%s (up to 0.5)",
                shards.train().documents(),
                config.validation()));
      }
      long longest = wanted.stream().mapToLong(Long::longValue).max().orElse(0);
      EvaluationPlan plan =
          new EvaluationPlan(
              wanted,
              maxTokens,
              new EvaluationPlan.CopyPlan(
                  checkpoint.trainedLength(), copyProbe, checkpoint.model().largestDilation()),
              Math.min(checkpoint.trainedLength(), longest),
              Math.max(1, (long) (maxTokens * DOCUMENT_SHARE)));
      // Lengths that the text does not hold are told before a model is loaded.
      Evaluator.scoredTokens(held, wanted, maxTokens);
      RuntimeConfig runtime = compute.runtime();
      try (LoadedModel model =
              blockwise
                  ? LoadedModel.openBlockwise(checkpoint, runtime)
                  : LoadedModel.open(checkpoint, runtime);
          TorchThreads _ = model.decoder().threads()) {
        Evaluation evaluation =
            new Evaluator(model.scorer(), model.tokenizer())
                .run(held, plan, display(checkpoint, held, out));
        if (json != null) {
          AtomicFiles.writeString(json, json(evaluation, checkpoint).toPrettyString() + "\n");
        }
      }
    }
    return 0;
  }

  private EvaluationListener display(Checkpoint checkpoint, TokenSplit held, PrintWriter out) {
    return new EvaluationListener() {
      @Override
      public void scoring(long tokens, long bytes) {
        out.printf(
            Locale.ROOT,
            "%,d tokens (%,d bytes) of %,d held-out documents, the same at every length%s%n%n",
            tokens,
            bytes,
            held.documents(),
            blockwise ? ", blockwise attention" : "");
        out.printf(
            Locale.ROOT,
            "%10s  %12s  %12s  %12s%n",
            "length",
            "perplexity",
            "bits/byte",
            "tokens/s");
      }

      @Override
      public void scored(Evaluation.AtLength at) {
        out.printf(
            Locale.ROOT,
            "%,10d  %12.4f  %12.4f  %,12.0f%s%n",
            at.length(),
            at.perplexity(),
            at.bitsPerByte(),
            at.tokensPerSecond(),
            at.length() > checkpoint.trainedLength()
                ? "  (trained on " + checkpoint.trainedLength() + ")"
                : "");
        Evaluation.lost(at.textless().orElse(0))
            .ifPresent(lost -> out.println("            " + lost));
        StandardOutput.flush(out);
      }

      @Override
      public void scored(ByPosition positions) {
        out.printf(Locale.ROOT, "%n%s%n", positions);
      }

      @Override
      public void scored(Copies copies) {
        out.println(copies);
        StandardOutput.flush(out);
      }

      @Override
      public void scored(Evaluation.Documents documents) {
        out.printf(
            Locale.ROOT,
            "%n%,d documents (%,d bytes), each on its own: %.4f bits/byte, gzip -9 %.4f%n",
            documents.documents(),
            documents.bytes(),
            documents.bitsPerByte(),
            documents.gzipBitsPerByte());
        documents.loss().ifPresent(out::println);
        StandardOutput.flush(out);
      }
    };
  }

  private CorpusConfig corpus(Checkpoint checkpoint, Optional<RunConfig> recipe)
      throws IOException {
    String tokenizer = RunRecipe.tokenizer(recipe, checkpoint, spec.commandLine().getErr());
    if (corpus.isEmpty()) {
      return recipe
          .map(r -> r.corpus().withTokenizer(tokenizer))
          .orElseThrow(() ->
              new IllegalArgumentException(
                  run + " has no recipe.yaml that names its corpus: give --corpus PATH"));
    }
    CorpusConfig plain = CorpusConfig.of(corpus, tokenizer);
    recipe
        .map(r -> r.corpus().validation())
        .filter(share -> share != validation)
        .ifPresent(share ->
            spec.commandLine()
                .getErr()
                .printf(
                    Locale.ROOT,
                    "note: held out here is a share of %s, in training it was %s: the model "
                        + "may have seen these documents%n",
                    validation,
                    share));
    return new CorpusConfig(
        plain.sources(),
        plain.tokenizer(),
        validation,
        plain.filter(),
        plain.duplicates(),
        plain.input(),
        holdout(recipe));
  }

  private Holdout holdout(Optional<RunConfig> recipe) {
    Holdout trained = recipe.map(r -> r.corpus().holdout()).orElse(Holdout.DOCUMENT);
    return holdout == null || holdout == trained.kind()
        ? trained
        : new Holdout(holdout, Holdout.PACKAGE);
  }

  private List<Long> lengths(Checkpoint checkpoint, Optional<RunConfig> recipe) {
    if (!lengths.isEmpty()) {
      return lengths.stream().sorted().distinct().toList();
    }
    return recipe
        .map(r -> r.evaluation().lengths())
        .filter(l -> !l.isEmpty())
        .orElseGet(() -> {
          long trained = checkpoint.trainedLength();
          return Stream.of(trained / 16, trained / 4, trained)
              .filter(l -> l > 0)
              .distinct()
              .toList();
        });
  }

  private ObjectNode json(Evaluation evaluation, Checkpoint checkpoint) {
    ObjectNode json = evaluation.toJson();
    json.put("checkpoint", checkpoint.directory().toString());
    checkpoint.state().ifPresent(s -> json.put("step", s.step()));
    json.put("tokenizer", checkpoint.tokenizer());
    json.put("trained_length", checkpoint.trainedLength());
    json.put("blockwise", blockwise);
    json.put("precision", compute.precision.name().toLowerCase(Locale.ROOT));
    return json;
  }
}
