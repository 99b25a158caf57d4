// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// A command that writes: what to call, again and again until it is done, and what has to be true
/// of the directory that it writes to at any time.
enum WritingJob {
  TRAIN("run/report.html") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return Files.exists(out.resolve("run/recipe.yaml"))
          ? List.of("train", "--resume", "--out", out.resolve("run"))
          : List.of("train", "--recipe", inputs.resolve("run.yaml"), "--out", out.resolve("run"));
    }

    @Override
    void check(Path out) throws IOException {
      for (Path checkpoint : Checkpoint.list(out.resolve("run"))) {
        Checkpoint.open(checkpoint);
      }
      for (String name : List.of("evaluation.json", "environment.json")) {
        Path file = out.resolve("run").resolve(name);
        if (Files.exists(file)) {
          assertThat(Cli.json(file).isObject()).as(name).isTrue();
        }
      }
      if (isDone(out)) {
        assertThat(Files.readString(out.resolve("run/report.html")).strip()).endsWith("</html>");
      }
    }

    @Override
    void same(Path reference, Path out) throws IOException {
      Path last = Checkpoint.list(out.resolve("run")).getLast();
      Path other = Checkpoint.list(reference.resolve("run")).getLast();
      assertThat(last.getFileName()).isEqualTo(other.getFileName());
      for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
        assertThat(last.resolve(name)).hasSameBinaryContentAs(other.resolve(name));
      }
      assertThat(losses(out)).isEqualTo(losses(reference));
      assertThat(wholeEvents(out)).isEqualTo(wholeEvents(reference));
      assertThat(out.resolve("run/sample.txt"))
          .hasSameBinaryContentAs(reference.resolve("run/sample.txt"));
    }

    /// What TensorBoard's files begin their events with: a step and its loss, without times and
    /// speeds. Each file is whole records of a length, its checksum, an event, its checksum.
    private static List<String> wholeEvents(Path out) throws IOException {
      List<String> events = new ArrayList<>();
      for (String name : TinyRecipe.names(out.resolve("run/tensorboard"))) {
        ByteBuffer file =
            ByteBuffer.wrap(Files.readAllBytes(out.resolve("run/tensorboard").resolve(name)))
                .order(ByteOrder.LITTLE_ENDIAN);
        while (file.hasRemaining()) {
          int length = Math.toIntExact(file.getLong());
          file.getInt();
          byte[] event = new byte[length];
          file.get(event).getInt();
          // The time comes first, then the step, a summary's length and the loss.
          events.add(HexFormat.of().formatHex(event, 9, Math.min(length, 9 + 24)));
        }
      }
      String loss = HexFormat.of().formatHex("/loss".getBytes(StandardCharsets.US_ASCII));
      return events.stream().filter(e -> e.contains(loss)).sorted().distinct().toList();
    }

    private static List<String> losses(Path out) throws IOException {
      List<String> losses = new ArrayList<>();
      for (String line : Files.readAllLines(out.resolve("run/metrics.jsonl"))) {
        JsonNode event = new ObjectMapper().readTree(line);
        losses.add(event.path("event") + " " + event.path("step") + " " + event.path("loss"));
      }
      return losses;
    }
  },

  TOKENIZE("shards") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of(
          "tokenize",
          "--corpus",
          inputs.resolve("texts"),
          "--out",
          out.resolve("shards"),
          "--validation",
          "0.2",
          "--threads",
          "1");
    }

    @Override
    void check(Path out) throws IOException {
      if (isDone(out)) {
        try (TokenShards shards = TokenShards.open(out.resolve("shards"))) {
          assertThat(shards.verify()).isEmpty();
        }
      }
    }

    @Override
    void same(Path reference, Path out) throws IOException {
      assertSameFiles(reference.resolve("shards"), out.resolve("shards"));
    }
  },

  STREAM("s.json") {
    @Override
    List<Object> command(Path inputs, Path out) {
      List<Object> words =
          new ArrayList<>(
              List.of(
                  "stream",
                  inputs.resolve("model"),
                  "--input",
                  inputs.resolve("text.txt"),
                  "--save-state",
                  out.resolve("s.state"),
                  "--save-every",
                  "2000",
                  "--json",
                  out.resolve("s.json"),
                  "--threads",
                  "1",
                  "--report-every",
                  "1000"));
      if (Files.exists(out.resolve("s.state"))) {
        words.addAll(List.of("--load-state", out.resolve("s.state")));
      }
      return words;
    }

    @Override
    void check(Path out) throws IOException {
      if (Files.exists(out.resolve("s.json"))) {
        assertThat(Cli.json(out.resolve("s.json")).isObject()).isTrue();
      }
    }

    /// Its state is there from the first save on.
    @Override
    boolean isDone(Path out) {
      return false;
    }

    /// States carry the time they took. What they remember shows in what follows.
    @Override
    void same(Path reference, Path out) throws IOException {
      for (String total : List.of("tokens", "bytes", "perplexity")) {
        assertThat(Cli.json(out.resolve("s.json")).get("total").get(total))
            .isEqualTo(Cli.json(reference.resolve("s.json")).get("total").get(total));
      }
      assertThat(follows(out, "s.state")).isEqualTo(follows(reference, "s.state"));
    }
  },

  QUANTIZE("int8") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of("quantize", inputs.resolve("model"), "--out", out.resolve("int8"));
    }

    @Override
    void check(Path out) throws IOException {
      if (isDone(out)) {
        Checkpoint.open(out.resolve("int8"));
      }
    }

    @Override
    void same(Path reference, Path out) throws IOException {
      assertSameFiles(reference.resolve("int8"), out.resolve("int8"));
    }
  },

  EXPORT("w.safetensors") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of(
          "export",
          inputs.resolve("model"),
          "--to",
          "torchscale",
          "--out",
          out.resolve("w.safetensors"));
    }

    @Override
    void check(Path out) throws IOException {
      if (isDone(out)) {
        SafetensorsFile.open(out.resolve("w.safetensors")).close();
      }
    }

    @Override
    void same(Path reference, Path out) {
      assertThat(out.resolve("w.safetensors"))
          .hasSameBinaryContentAs(reference.resolve("w.safetensors"));
    }
  },

  GENERATE("g.state") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of(
          "generate",
          inputs.resolve("model"),
          "--prompt",
          "class A",
          "--max-tokens",
          20,
          "--seed",
          1,
          "--threads",
          1,
          "--save-state",
          out.resolve("g.state"));
    }

    @Override
    void check(Path out) {
      if (isDone(out)) {
        follows(out, "g.state");
      }
    }

    @Override
    void same(Path reference, Path out) {
      assertThat(follows(out, "g.state")).isEqualTo(follows(reference, "g.state"));
    }
  },

  TOKENIZER("tokenizer.json") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of(
          "tokenizer",
          "train",
          "--corpus",
          inputs.resolve("texts"),
          "--vocab-size",
          300,
          "--out",
          out.resolve("tokenizer.json"));
    }

    @Override
    void check(Path out) throws IOException {
      if (isDone(out)) {
        assertThat(Cli.json(out.resolve("tokenizer.json")).isObject()).isTrue();
      }
    }

    @Override
    void same(Path reference, Path out) {
      assertThat(out.resolve("tokenizer.json"))
          .hasSameBinaryContentAs(reference.resolve("tokenizer.json"));
    }
  },

  /// Its tables of a run that somebody else measured.
  REPRODUCE("r/quick/tables/dna.json") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of("reproduce", "dna", "--scale", "quick", "--tables", "--out", out.resolve("r"));
    }

    @Override
    void check(Path out) throws IOException {
      if (isDone(out)) {
        TableJson.read(out.resolve("r/quick/tables/dna.json"));
      }
    }

    @Override
    void same(Path reference, Path out) throws IOException {
      assertSameFiles(reference.resolve("r/quick/tables"), out.resolve("r/quick/tables"));
    }
  },

  BENCH("b.json") {
    @Override
    List<Object> command(Path inputs, Path out) {
      return List.of(
          "bench",
          "attention",
          "--lengths",
          64,
          "--heads",
          2,
          "--head-size",
          16,
          "--segment-lengths",
          "16,32",
          "--dilation-ratios",
          "1,2",
          "--rounds",
          1,
          "--json",
          out.resolve("b.json"));
    }

    @Override
    void check(Path out) throws IOException {
      if (isDone(out)) {
        TableJson.read(out.resolve("b.json"));
      }
    }

    /// Times are never the same.
    @Override
    void same(Path reference, Path out) throws IOException {
      check(out);
    }
  };

  private final String last;

  /// @param last what appears when all else is written
  WritingJob(String last) {
    this.last = last;
  }

  /// Whether `-Dlongnet.jobs=TRAIN,STREAM` leaves it in.
  boolean isWanted() {
    return List.of(System.getProperty("longnet.jobs", name()).split(",")).contains(name());
  }

  /// Small inputs of all of them.
  static Path inputs(Path folder) throws IOException {
    Path inputs = Files.createDirectories(folder.resolve("inputs"));
    TinyCheckpoint.write(inputs.resolve("model"));
    Files.writeString(
        inputs.resolve("text.txt"),
        Stream.iterate(0, i -> i + 1)
            .limit(400)
            .map(i -> "for (int i = 0; i < " + i * i + "; i++) { sum += i; }\n")
            .reduce("", String::concat));
    Path texts = Files.createDirectories(inputs.resolve("texts"));
    for (int i = 0; i < 400; i++) {
      Files.writeString(
          texts.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
    Files.writeString(
        inputs.resolve("run.yaml"),
        """
        name: small
        corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
        model:
          layers: 1
          hidden: 16
          heads: 2
          attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
        training: {window: 64, sequences: 2, batch_tokens: 128, steps: 40}
        optimizer: {learning_rate: 3e-3}
        schedule: {warmup_steps: 3}
        checkpoint: {every_steps: 5}
        evaluation: {every_steps: 10, every_tokens: 128, lengths: [16, 64], tokens: 256, copy_probe: 0}
        sample: {tokens: 8}
        runtime: {threads: 1}
        """
            .formatted(texts));
    return inputs;
  }

  /// What to call next, where `out` is what the calls before it left; nothing, or something.
  ///
  /// @param out beside `inputs`
  abstract List<Object> command(Path inputs, Path out);

  /// Whatever has its final name is whole.
  abstract void check(Path out) throws IOException;

  /// Whether the command has nothing left to do, and would refuse to do it again.
  boolean isDone(Path out) {
    return Files.exists(out.resolve(last));
  }

  /// What is there is what one call makes that nothing disturbs, bit for bit.
  abstract void same(Path reference, Path out) throws IOException;

  /// Calls it until it is done.
  void finish(Path inputs, Path out) throws IOException {
    if (!isDone(out)) {
      Cli run = Cli.run(command(inputs, out).toArray());
      assertThat(run.exitCode()).as(run.toString()).isZero();
    }
  }

  /// The text that a saved state goes on with.
  private static String follows(Path out, String state) {
    Path model = out.resolveSibling("inputs").resolve("model");
    Cli run =
        Cli.run(
            "generate", model, "--load-state", out.resolve(state), "--max-tokens", 40, "--seed", 1);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return run.out();
  }

  /// What a killed or failed call left besides whole files, by name.
  static List<String> leftovers(Path out) throws IOException {
    if (!Files.exists(out)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(out)) {
      return all.map(p -> out.relativize(p).toString())
          .filter(name -> name.matches("(.*/)?\\..*\\.tmp-[0-9]+"))
          .toList();
    }
  }

  private static void assertSameFiles(Path expected, Path actual) throws IOException {
    assertThat(TinyRecipe.names(actual))
        .containsExactlyInAnyOrderElementsOf(TinyRecipe.names(expected));
    for (String name : TinyRecipe.names(expected)) {
      assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
    }
  }

  static void clear(Path out) throws IOException {
    AtomicFiles.deleteRecursively(out);
    Files.createDirectories(out);
  }
}
