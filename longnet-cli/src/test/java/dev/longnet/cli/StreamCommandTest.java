package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StreamCommandTest {
  @TempDir static Path folder;
  private static Path checkpoint;
  private static Path text;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(folder.resolve("model"));
    text =
        Files.writeString(
            folder.resolve("text.txt"), "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(30));
  }

  private static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  @Test
  void perplexityIsTheWholeForwardPasss() throws IOException {
    Path out = folder.resolve("a.json");
    Cli run =
        Cli.run(
            "stream",
            checkpoint,
            "--input",
            text,
            "--report-every",
            300,
            "--json",
            out,
            "--chunk-tokens",
            100);
    assertThat(run.exitCode()).as(run.err()).isZero();
    byte[] bytes = Files.readAllBytes(text);
    long[] ids = new long[bytes.length + 2];
    ids[0] = 256;
    for (int i = 0; i < bytes.length; i++) {
      ids[i + 1] = bytes[i];
    }
    ids[bytes.length + 1] = 256;
    double nats = 0;
    try (Decoder decoder = TinyCheckpoint.decoder();
        Arena arena = Arena.ofConfined();
        PointerScope _ = new PointerScope()) {
      Tensor window =
          TensorMemory.view(
              arena.allocateFrom(ValueLayout.JAVA_LONG, ids), ScalarType.Long, 1, ids.length);
      for (float loss :
          TensorMemory.of(decoder.losses(window).contiguous()).toArray(ValueLayout.JAVA_FLOAT)) {
        nats += loss;
      }
    }
    JsonNode total = json(out).get("total");
    assertThat(total.get("tokens").asLong()).isEqualTo(ids.length);
    assertThat(total.get("bytes").asLong()).isEqualTo(bytes.length);
    assertThat(Math.log(total.get("perplexity").asDouble()))
        .isCloseTo(nats / (ids.length - 1), Offset.offset(1e-5));
    assertThat(json(out).get("reports").size()).isEqualTo((ids.length + 299) / 300);
  }

  @Test
  void anInterruptedStreamGoesOnFromItsSavedState() throws IOException {
    Path whole = folder.resolve("whole.json");
    Path rest = folder.resolve("rest.json");
    Path state = folder.resolve("s.state");
    assertThat(Cli.run("stream", checkpoint, "--input", text, "--json", whole).exitCode()).isZero();
    Cli first =
        Cli.run(
            "stream",
            checkpoint,
            "--input",
            text,
            "--max-tokens",
            457,
            "--save-state",
            state,
            "--save-every",
            100);
    assertThat(first.exitCode()).as(first.err()).isZero();
    assertThat(first.out())
        .as("bytes of the tokens read, not of the piece they came in")
        .contains("457 tokens, 456 bytes");
    Cli second =
        Cli.run(
            "stream",
            checkpoint,
            "--input",
            text,
            "--load-state",
            state,
            "--save-state",
            state,
            "--json",
            rest);
    assertThat(second.exitCode()).as(second.err()).isZero();
    assertThat(second.out()).contains("going on after 457 tokens, in the middle of this input");
    assertThat(json(rest).get("total").get("tokens"))
        .isEqualTo(json(whole).get("total").get("tokens"));
    assertThat(json(rest).get("total").get("perplexity").asDouble())
        .isCloseTo(json(whole).get("total").get("perplexity").asDouble(), Offset.offset(1e-3));
  }

  @Test
  void aStreamThatGoesOnKeepsItsEarlierReports() throws IOException {
    Path state = folder.resolve("r.state");
    Path out = folder.resolve("r.json");
    assertThat(reports(out, "--max-tokens", 700, "--save-state", state))
        .containsExactly(300L, 600L, 700L);
    assertThat(reports(out, "--load-state", state))
        .containsExactly(300L, 600L, 700L, 900L, 1200L, 1292L);
    // Those after the state were another attempt's.
    assertThat(reports(out, "--load-state", state, "--max-tokens", 1000))
        .containsExactly(300L, 600L, 700L, 900L, 1000L);
    assertThat(reports(out, "--max-tokens", 400)).as("a new stream").containsExactly(300L, 400L);
    Files.writeString(out, "class A {}");
    refused(
        "--json holds no reports of an earlier run",
        "stream",
        checkpoint,
        "--input",
        text,
        "--load-state",
        state,
        "--json",
        out);
  }

  private static List<Long> reports(Path out, Object... options) throws IOException {
    return reportsOf(text, out, options);
  }

  private static List<Long> reportsOf(Path input, Path out, Object... options) throws IOException {
    Object[] words = new Object[options.length + 8];
    System.arraycopy(
        new Object[] {"stream", checkpoint, "--input", input, "--report-every", 300, "--json", out},
        0,
        words,
        0,
        8);
    System.arraycopy(options, 0, words, 8, options.length);
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return json(out).get("reports").valueStream().map(r -> r.get("tokens").asLong()).toList();
  }

  @Test
  void theTotalsSpeedIsThatOfTheWholeRun() throws IOException {
    Path out = folder.resolve("speed.json");
    Path state = folder.resolve("speed.state");
    assertThat(reports(out, "--max-tokens", 600, "--save-state", state))
        .as("none twice")
        .containsExactly(300L, 600L);
    JsonNode total = json(out).get("total");
    assertThat(total.get("tokens_per_second").asDouble())
        .isCloseTo(599 / total.get("seconds").asDouble(), Percentage.withPercentage(0.1));
    assertThat(reports(out, "--load-state", state, "--max-tokens", 900))
        .containsExactly(300L, 600L, 900L);
    total = json(out).get("total");
    assertThat(total.get("tokens_per_second").asDouble())
        .isCloseTo(899 / total.get("seconds").asDouble(), Percentage.withPercentage(0.1));
  }

  @Test
  void nothingThatIsNoNumberIsShown() throws IOException {
    Path state = folder.resolve("end.state");
    Cli whole = Cli.run("stream", checkpoint, "--input", text, "--save-state", state);
    Cli again = Cli.run("stream", checkpoint, "--input", text, "--load-state", state);
    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(again.out())
        .contains("going on after 1,292 tokens, this input is read to its end already")
        .doesNotContain("NaN");
    assertThat(
            whole
                .out()
                .lines()
                .filter(line -> line.contains("bits per byte"))
                .findFirst()
                .orElseThrow())
        .startsWith(
            again
                .out()
                .lines()
                .filter(line -> line.contains("bits per byte"))
                .findFirst()
                .orElseThrow()
                .replaceAll(";.*", ""));
    Cli first = Cli.run("stream", checkpoint, "--input", text, "--max-tokens", 1);
    assertThat(first.out()).contains("1 tokens, 0 bytes").doesNotContain("NaN");
  }

  /// Only what a log has grown by is read, after all that was read before.
  @Test
  void aGrownLogGoesOnWhereItEnded() throws IOException {
    Path log = Files.writeString(folder.resolve("server.log"), "GET / 200\n".repeat(20));
    Path state = folder.resolve("log.state");
    assertThat(Cli.run("stream", checkpoint, "--input", log, "--save-state", state).out())
        .contains("202 tokens, 200 bytes");
    Files.writeString(log, "GET / 404\n", java.nio.file.StandardOpenOption.APPEND);
    Cli grown =
        Cli.run("stream", checkpoint, "--input", log, "--load-state", state, "--save-state", state);
    assertThat(grown.exitCode()).as(grown.err()).isZero();
    assertThat(grown.out())
        .contains(
            "going on after 202 tokens, in the middle of this input", "213 tokens, 210 bytes");
    Files.writeString(log, "PUT / 200\n".repeat(21));
    Cli other = Cli.run("stream", checkpoint, "--input", log, "--load-state", state);
    assertThat(other.out())
        .contains("going on after 213 tokens, this input follows them", "425 tokens, 210 bytes");
  }

  @Test
  void whatItSavesInADirectoryIsNoInputOfIt() throws IOException {
    Path directory = Files.createDirectory(folder.resolve("src"));
    Files.writeString(directory.resolve("b.txt"), "int b;\n".repeat(10));
    Path state = directory.resolve("a.state");
    Path out = directory.resolve("c.json");
    assertThat(reportsOf(directory, out, "--save-state", state)).containsExactly(72L);
    assertThat(
            reportsOf(
                directory,
                out,
                "--load-state",
                state,
                "--save-state",
                directory.resolve("./a.state")))
        .containsExactly(72L);
  }

  /// Reading a text and then generating is generating from the text as prompt.
  @Test
  void generationGoesOnFromAStateReadEarlier() throws IOException {
    // One that is read at once, and one that is read in pieces.
    for (String text : List.of("class A { int x", "class A { int x; }\n".repeat(2500))) {
      Path prompt = Files.writeString(folder.resolve("prompt.txt"), text);
      Path state = folder.resolve("p.state");
      // A stream ends its document with an end-of-text token, so the last token of it stays unread
      // here.
      long tokens = text.length() + 1;
      assertThat(
              Cli.run(
                      "stream",
                      checkpoint,
                      "--input",
                      prompt,
                      "--max-tokens",
                      tokens,
                      "--save-state",
                      state)
                  .exitCode())
          .isZero();
      Cli a =
          Cli.run(
              "generate",
              checkpoint,
              "--load-state",
              state,
              "--temperature",
              0,
              "--max-tokens",
              60);
      Cli b =
          Cli.run(
              "generate",
              checkpoint,
              "--prompt-file",
              prompt,
              "--temperature",
              0,
              "--max-tokens",
              60);
      assertThat(a.exitCode()).as(a.err()).isZero();
      assertThat(a.out()).isEqualTo(b.out());
      assertThat(b.err())
          .contains(String.format(java.util.Locale.ROOT, "prompt of %,d tokens", tokens));
    }
  }

  /// Two generations of 30 tokens, the second from the state the first saved, are one of 60.
  @Test
  void aGenerationGoesOnWhereAnotherEnded() {
    Path whole = folder.resolve("g60.state");
    Path parts = folder.resolve("g30.state");
    String text = generated("--prompt", "int x", "--max-tokens", 60, "--save-state", whole);
    String first = generated("--prompt", "int x", "--max-tokens", 30, "--save-state", parts);
    String second = generated("--load-state", parts, "--max-tokens", 30, "--save-state", parts);
    assertThat(first + second).isEqualTo(text);
    assertThat(generated("--load-state", parts, "--max-tokens", 30))
        .isEqualTo(generated("--load-state", whole, "--max-tokens", 30));
  }

  /// The text without its line end.
  private static String generated(Object... options) {
    Object[] words = new Object[options.length + 4];
    System.arraycopy(new Object[] {"generate", checkpoint, "--temperature", 0}, 0, words, 0, 4);
    System.arraycopy(options, 0, words, 4, options.length);
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return run.out().substring(0, run.out().length() - 1);
  }

  /// What the command shows: a dilated model's state stands still, an ordinary cache grows with
  /// every token.
  @Test
  void denseAndSparseModelsKeepACacheThatGrows() throws IOException {
    Path dense = TinyCheckpoint.write(folder.resolve("dense"), new AttentionConfig.Dense());
    Path sparse = TinyCheckpoint.write(folder.resolve("sparse"), new AttentionConfig.Sparse(16, 4));
    Path book = Files.writeString(folder.resolve("book.txt"), "int a = 1;\n".repeat(3000));
    double growth = stateGrowth(checkpoint, book);
    assertThat(growth).as("dilated").isEqualTo(1);
    assertThat(stateGrowth(dense, book)).as("dense").isCloseTo(4, Offset.offset(0.2));
    assertThat(stateGrowth(sparse, book)).as("sparse").isCloseTo(4, Offset.offset(0.2));
  }

  private static double stateGrowth(Path model, Path book) throws IOException {
    Path out = folder.resolve("growth.json");
    Cli run =
        Cli.run(
            "stream",
            model,
            "--input",
            book,
            "--report-every",
            8001,
            "--max-tokens",
            32_004,
            "--json",
            out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode reports = json(out).get("reports");
    assertThat(reports).hasSize(4);
    return reports.get(3).get("state_bytes").asDouble()
        / reports.get(0).get("state_bytes").asDouble();
  }

  @Test
  void int8TakesAQuarter() throws IOException {
    Path out8 = folder.resolve("model8");
    Cli quantize = Cli.run("quantize", checkpoint, "--out", out8);
    assertThat(quantize.exitCode()).as(quantize.err()).isZero();
    Path full = folder.resolve("f.json");
    Path eighth = folder.resolve("e.json");
    assertThat(Cli.run("stream", checkpoint, "--input", text, "--json", full).exitCode()).isZero();
    Cli run8 = Cli.run("stream", out8, "--input", text, "--json", eighth);
    assertThat(run8.exitCode()).as(run8.err()).isZero();
    // A byte for four, and for each output its scale beside its bias: here for 32 or 64 inputs.
    assertThat(
            json(eighth).get("weight_bytes").asDouble() / json(full).get("weight_bytes").asDouble())
        .isBetween(0.25, 0.33);
    assertThat(json(eighth).get("model_sha256")).isNotEqualTo(json(full).get("model_sha256"));
    assertThat(Cli.run("generate", out8, "--max-tokens", 5).exitCode()).isZero();
    refused("exists already", "quantize", checkpoint, "--out", out8);
    refused("already quantised", "quantize", out8, "--out", folder.resolve("model88"));
    refused(
        "int8 weights can't be exported",
        "export",
        out8,
        "--to",
        "safetensors",
        "--out",
        folder.resolve("e.safetensors"));
    refused("already quantised", "bench", "inference", out8);
    refused(
        "belongs to another model",
        "stream",
        out8,
        "--input",
        text,
        "--load-state",
        saved(checkpoint));
    refused("belongs to another model", "generate", out8, "--load-state", saved(checkpoint));
    refused(
        "--max-tokens=10, state=700",
        "stream",
        checkpoint,
        "--input",
        text,
        "--load-state",
        saved(checkpoint),
        "--max-tokens",
        10);
  }

  @Test
  void mistakesAreOneLine() throws IOException {
    Path state =
        Files.write(
            folder.resolve("bad.state"),
            "something else entirely".getBytes(StandardCharsets.UTF_8));
    refused("no such file", "stream", checkpoint, "--input", folder.resolve("missing"));
    refused(
        "not a saved stream state", "stream", checkpoint, "--input", text, "--load-state", state);
    refused("not a saved stream state", "generate", checkpoint, "--load-state", state);
    refused("no such file", "generate", checkpoint, "--load-state", folder.resolve("none.state"));
    refused(
        "not a saved stream state but a directory",
        "stream",
        checkpoint,
        "--input",
        text,
        "--load-state",
        folder);
    refused("must be a file, not a directory", "generate", checkpoint, "--prompt-file", folder);
    Path zip = Files.writeString(folder.resolve("broken.zip"), "no archive");
    refused("not an archive, or a damaged one: " + zip, "stream", checkpoint, "--input", zip);
    refused("--report-every=0", "stream", checkpoint, "--input", text, "--report-every", 0);
    refused("--max-tokens", "stream", checkpoint, "--input", text, "--repeat");
    refused("threads=0", "stream", checkpoint, "--input", text, "--threads", 0);
  }

  /// Before anything is read: the work would be lost.
  @Test
  void destinationsThatCantBeWrittenAreRefusedAtOnce() {
    Path below = text.resolve("below.state");
    refused(
        "--json must name a file, not a directory: " + folder,
        "stream",
        checkpoint,
        "--input",
        text,
        "--json",
        folder);
    refused(
        "--save-state must name a file, not a directory",
        "stream",
        checkpoint,
        "--input",
        text,
        "--save-state",
        folder);
    refused("--json can't be written", "stream", checkpoint, "--input", text, "--json", below);
    refused(
        "--save-state can't be written, " + text,
        "stream",
        checkpoint,
        "--input",
        text,
        "--save-state",
        below);
    refused(
        "--save-state must name a file, not a directory",
        "generate",
        checkpoint,
        "--prompt",
        "int",
        "--save-state",
        folder);
    refused(
        "--save-state can't be written",
        "generate",
        checkpoint,
        "--prompt",
        "int",
        "--save-state",
        below);
  }

  private static Path saved(Path model) {
    Path state = folder.resolve("saved.state");
    assertThat(
            Cli.run("stream", model, "--input", text, "--max-tokens", 700, "--save-state", state)
                .exitCode())
        .isZero();
    return state;
  }

  @Test
  void aDamagedStateIsRefusedWhereverTheDamageIs() throws IOException {
    byte[] whole = Files.readAllBytes(saved(checkpoint));
    Path state = folder.resolve("damaged.state");
    for (int length : new int[] {0, 5, 11, 40, 60, 100, whole.length / 2, whole.length - 1}) {
      Files.write(state, java.util.Arrays.copyOf(whole, length));
      refused("state: " + state, "stream", checkpoint, "--input", text, "--load-state", state);
    }
    for (int at : new int[] {50, 64, 70, 200, whole.length / 2, whole.length - 1}) {
      byte[] bytes = whole.clone();
      bytes[at] ^= 16;
      Files.write(state, bytes);
      refused("state: " + state, "generate", checkpoint, "--load-state", state);
    }
    byte[] newer = whole.clone();
    newer[11] = 2;
    Files.write(state, newer);
    refused("version=2", "generate", checkpoint, "--load-state", state);
  }

  @Test
  void benchInferenceShowsBothSides() {
    Cli run = Cli.run("bench", "inference", checkpoint, "--rounds", 1, "--prompt-tokens", 300);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains(
            "fp32",
            "int8",
            "weights",
            "prompt, tokens/s",
            "generation, tokens/s",
            "GB/s",
            "GFLOP/s");
    assertThat(run.err()).contains("no perplexity");
    refused("--rounds must be positive", "bench", "inference", checkpoint, "--rounds", 0);
    refused("--text-tokens=0", "bench", "inference", checkpoint, "--text-tokens", 0);
  }

  @Test
  void benchStreamComparesNothingButItsOwn() {
    refused("leave out RUN", "bench", "stream", checkpoint, "--compare");
    refused("leave out --input", "bench", "stream", "--compare", "--input", text);
    refused("leave out --suffix", "bench", "stream", "--compare", "--suffix", ".java");
    refused("leave out --save-every", "bench", "stream", "--compare", "--save-every", 100);
  }

  /// One mark beyond 100,000 tokens has no slope.
  @Test
  void benchStreamPrintsNoExponentOfOneMark() {
    Path out = folder.resolve("bench");
    Cli run =
        Cli.run("bench", "stream", checkpoint, "--input", text, "--tokens", "10000", "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("results in " + out)
        .doesNotContain("NaN")
        .doesNotContain("tokens^");
  }

  private static void refused(String part, Object... words) {
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err().lines()).as(run.err()).hasSize(1);
    assertThat(run.err()).contains(part);
    assertThat(run.out()).isEmpty();
  }
}
