// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.pipeline.Tokenization;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet tokenize`: a corpus to token shards, ahead of training.
@Command(
    name = "tokenize",
    description = "Turns a corpus into token shards, or finds those it made before.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Shards go to the cache directory that `longnet train` looks in, or to --out. A killed run is taken up where it "
          + "stopped.",
      "In cl100k_base and o200k_base, words of more than 65,536 characters (DNA without "
          + "newlines) are cut: they come back "
          + "exactly, but with other ids than tiktoken's.",
      "",
      "Examples:",
      "  longnet tokenize                                     the JDK's own sources as bytes",
      "  longnet tokenize --corpus src --language java --tokenizer cl100k_base",
      "  longnet tokenize --corpus code.tar.zst --corpus 'docs/*.jsonl.gz' --text-field content --out shards"
    })
final class TokenizeCommand implements Callable<Integer> {
  @Spec CommandSpec spec;
  @Mixin CorpusOptions corpus;

  @Option(
      names = "--tokenizer",
      paramLabel = "NAME",
      description =
          "bytes, cl100k_base, o200k_base or the path of a tokenizer.json (default: ${DEFAULT-VALUE}).")
  String tokenizer = "bytes";

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where the shards go (default: the cache directory).")
  @Nullable Path out;

  @Option(
      names = "--force",
      description = "Replace shards in --out that were made from something else.")
  boolean force;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Worker threads (default: one a core).")
  int threads = Runtime.getRuntime().availableProcessors();

  @Override
  public Integer call() throws IOException {
    CorpusConfig config = corpus.config(tokenizer);
    PrintWriter output = spec.commandLine().getOut();
    TokenizationDisplay display =
        new TokenizationDisplay(
            spec.commandLine().getErr(), System.console() != null && System.console().isTerminal());
    if (config.weighted()) {
      display.message(
          "weights make no difference to token shards: give them to longnet train --corpus PATH=WEIGHT");
    }
    try (TokenShards shards =
        Tokenization.prepare(
            config,
            out == null ? Tokenization.cached(config) : out,
            force || out == null,
            threads,
            display)) {
      display.done();
      ShardsSummary.print(shards, output);
    }
    return 0;
  }
}
