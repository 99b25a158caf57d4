// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.pipeline.TokenizerTraining;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `longnet tokenizer train`: a vocabulary of one's own.
@Command(
    name = "tokenizer",
    description = "Trains tokenizers.",
    mixinStandardHelpOptions = true,
    subcommands = TokenizerCommand.Train.class,
    footer = {
      "",
      "Example:",
      "  longnet tokenizer train --vocab-size 8192 --corpus src --out tokenizer.json"
    })
final class TokenizerCommand implements Runnable {
  @Spec CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "tokenizer needs a command: train");
  }

  /// `train`
  @Command(
      name = "train",
      description =
          "Learns a byte-level BPE from a corpus and writes it as a Hugging Face tokenizer.json.",
      mixinStandardHelpOptions = true,
      footer = {
        "",
        "Examples:",
        "  longnet tokenizer train --vocab-size 8192 --out java-8k.json",
        "  longnet tokenize --tokenizer java-8k.json"
      })
  static final class Train implements Callable<Integer> {
    @Spec CommandSpec spec;
    @Mixin CorpusOptions corpus;

    @Option(
        names = "--vocab-size",
        paramLabel = "N",
        description =
            "Tokens in all, 256 bytes and the end of text included (default: ${DEFAULT-VALUE}).")
    int vocabularySize = 8192;

    @Option(
        names = "--out",
        paramLabel = "FILE",
        required = true,
        description = "The tokenizer.json to write.")
    Path out;

    @Option(names = "--force", description = "Replace FILE.")
    boolean force;

    @Option(
        names = "--sample-bytes",
        paramLabel = "N",
        description =
            "Learn from so much at most, the beginnings of all sources in equal shares (default: ${DEFAULT-VALUE}).")
    long sampleBytes = 1L << 30;

    @Option(
        names = "--threads",
        paramLabel = "N",
        description = "Worker threads (default: one a core).")
    int threads = Runtime.getRuntime().availableProcessors();

    @Override
    public Integer call() throws IOException {
      if (!out.toString().endsWith(".json")) {
        throw new IllegalArgumentException("--out must end with .json: --out " + out);
      }
      if (Files.exists(out) && !force) {
        throw new IllegalArgumentException("file exists already (--force replaces it): " + out);
      }
      CorpusConfig config = corpus.config("bytes");
      TokenizationDisplay display =
          new TokenizationDisplay(
              spec.commandLine().getErr(),
              System.console() != null && System.console().isTerminal());
      TokenizerTraining.Result trained =
          TokenizerTraining.train(config, vocabularySize, sampleBytes, threads, display);
      AtomicFiles.writeString(out, trained.json());
      int size = Tokenizers.of(out.toString()).vocabularySize();
      PrintWriter text = spec.commandLine().getOut();
      text.printf(Locale.ROOT, "%s: %,d tokens%n", out, size);
      for (SourceSummary source : trained.sources()) {
        text.printf(
            Locale.ROOT,
            "  %s: %,d documents, %,d bytes%n",
            source.path(),
            source.documents(),
            source.bytes());
        ShardsSummary.readAs(source.readAs(), "    ", text);
        ShardsSummary.leftOut(source, text);
      }
      if (size < vocabularySize) {
        spec.commandLine()
            .getErr()
            .printf(
                Locale.ROOT,
                "the corpus has no more pairs that repeat: %,d of %,d tokens%n",
                size,
                vocabularySize);
      }
      spec.commandLine().getOut().flush();
      return 0;
    }
  }
}
