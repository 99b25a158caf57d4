// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.ShardedWeights;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.WeightFiles;
import dev.longnet.core.weights.EncoderCheckpoint;
import dev.longnet.experiments.corpus.LengthHistogram;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet inspect`: what is in a corpus, in token shards, in a model.
@Command(
    name = "inspect",
    description = "Shows what is in a corpus, in token shards, or in a run or checkpoint.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  longnet inspect jdk                              documents, tokens, lengths, samples",
      "  longnet inspect shards --verify --png lengths.png",
      "  longnet inspect runs/quickstart                  tensors and their shapes"
    })
final class InspectCommand implements Callable<Integer> {
  private static final int SAMPLE_TOKENS = 128;

  @Spec CommandSpec spec;
  @Mixin CorpusOptions corpus;

  @Parameters(
      paramLabel = "WHAT",
      description =
          "A corpus (as --corpus takes it), a directory of token shards, a run, a "
              + "checkpoint, or weights as import takes them.")
  String what;

  @Option(
      names = "--tokenizer",
      paramLabel = "NAME",
      description = "For a corpus: its tokenizer (default: ${DEFAULT-VALUE}).")
  String tokenizer = "bytes";

  @Option(
      names = "--png",
      paramLabel = "FILE",
      description = "Draw the lengths of documents into a picture, too.")
  @Nullable Path png;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Beginnings of documents to show (default: ${DEFAULT-VALUE}).")
  int samples = 3;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Chooses the samples (default: ${DEFAULT-VALUE}).")
  long seed = 1;

  @Option(names = "--verify", description = "Compare token shards with their checksums.")
  boolean verify;

  @Override
  public Integer call() throws IOException {
    Path path = Path.of(what);
    if (Files.isRegularFile(path.resolve(Manifest.FILE))) {
      try (TokenShards shards = TokenShards.open(path)) {
        return show(shards);
      }
    }
    Optional<Path> weights = weights(path);
    if (weights.isPresent()) {
      return showTensors(weights.get());
    }
    corpus.corpus = List.of(what);
    TokenizationDisplay display =
        new TokenizationDisplay(
            spec.commandLine().getErr(), System.console() != null && System.console().isTerminal());
    try (TokenShards shards = Tokenization.prepare(corpus.config(tokenizer), display)) {
      display.done();
      return show(shards);
    }
  }

  /// The weights of a run, a checkpoint, an encoder, or another program's model; empty where it is
  /// a corpus.
  private static Optional<Path> weights(Path path) throws IOException {
    boolean whole = Files.isRegularFile(path.resolve("model.safetensors"));
    if (whole && EncoderCheckpoint.isAt(path)) {
      return Optional.of(EncoderCheckpoint.open(path).weights());
    }
    if (Files.isDirectory(path.resolve("checkpoints"))
        || whole && Files.isRegularFile(path.resolve("config.json"))) {
      return Optional.of(Checkpoint.resolve(path).weights());
    }
    boolean file = path.toString().matches(".*\\.(safetensors|pt|pth|bin|ckpt|index\\.json)");
    return file || whole || Files.isRegularFile(path.resolve(ShardedWeights.INDEX))
        ? Optional.of(path)
        : Optional.empty();
  }

  private int show(TokenShards shards) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    ShardsSummary.print(shards, out);
    LengthHistogram lengths = new LengthHistogram();
    lengths.add(shards.train());
    lengths.add(shards.validation());
    out.printf(
        Locale.ROOT, "%nLengths of documents (the longest has %,d tokens)%n", lengths.longest());
    lengths.lines().forEach(out::println);
    if (png != null) {
      lengths.writePng(png, "Lengths of documents, " + shards.manifest().tokenizer());
      out.println("drawn to " + png);
    }
    showSamples(shards, out);
    out.flush();
    if (!verify) {
      return 0;
    }
    List<Path> wrong = shards.verify();
    wrong.forEach(
        file -> spec.commandLine().getErr().println("longnet: differs from its checksum: " + file));
    out.println(
        wrong.isEmpty()
            ? "every file has its checksum"
            : wrong.size() + " files are damaged: make the shards again");
    out.flush();
    return wrong.isEmpty() ? 0 : 1;
  }

  private void showSamples(TokenShards shards, PrintWriter out) {
    TokenSplit train = shards.train();
    if (samples < 1 || train.documents() == 0) {
      return;
    }
    Optional<Tokenizer> decoder = tokenizer(shards.manifest());
    if (decoder.isEmpty()) {
      return;
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < samples; i++) {
      TokenDocument d = train.document(random.nextLong(train.documents()));
      int count = (int) Math.min(SAMPLE_TOKENS, d.tokens());
      out.printf(
          Locale.ROOT,
          "%n--- %s (%,d tokens, %,d bytes)%n",
          ShardsSummary.printable(d.name()),
          d.tokens(),
          d.bytes());
      String text =
          new String(
              decoder.get().decode(ids(train, d.firstToken(), count)), StandardCharsets.UTF_8);
      text.lines()
          .limit(8)
          .forEach(line -> out.println(ShardsSummary.printable(line.replace("\t", "    "))));
    }
  }

  /// Whose ids shards hold; empty, and said, where its file is gone or another one now.
  private Optional<Tokenizer> tokenizer(Manifest manifest) {
    String why;
    try {
      Tokenizer tokenizer = Tokenizers.of(manifest.tokenizer());
      if (tokenizer.fingerprint().equals(manifest.tokenizerFingerprint())) {
        return Optional.of(tokenizer);
      }
      why = "changed since these shards were made";
    } catch (IllegalArgumentException e) {
      why = "can't be read: " + e.getMessage();
    } catch (UncheckedIOException e) {
      why = "can't be read: " + Objects.requireNonNull(e.getCause()).getMessage();
    }
    spec.commandLine()
        .getErr()
        .println("longnet: no samples: the tokenizer " + manifest.tokenizer() + " " + why);
    return Optional.empty();
  }

  private static int[] ids(TokenSplit split, long from, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ids = arena.allocate(ValueLayout.JAVA_LONG, count);
      split.copy(from, count, ids);
      return Arrays.stream(ids.toArray(ValueLayout.JAVA_LONG)).mapToInt(Math::toIntExact).toArray();
    }
  }

  private int showTensors(Path file) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    long elements = 0;
    try (WeightFiles tensors = WeightFiles.open(file)) {
      out.println(file);
      for (String name : tensors.names()) {
        TensorEntry tensor = tensors.tensor(name);
        elements += tensor.elements();
        out.printf(
            Locale.ROOT,
            "  %-56s %-5s %s%n",
            ShardsSummary.printable(name),
            tensor.type(),
            Arrays.toString(tensor.shape()));
      }
      out.printf(Locale.ROOT, "  %,d tensors, %,d numbers%n", tensors.names().size(), elements);
    }
    out.flush();
    return 0;
  }
}
