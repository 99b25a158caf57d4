// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Streams and generations that go on from a saved state.
class StreamResumeTest {
  @TempDir static Path folder;
  private static Path checkpoint;
  private static Path text;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(folder.resolve("model"));
    text = TinyCheckpoint.text(folder.resolve("text.txt"));
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
    assertThat(Cli.json(rest).get("total").get("tokens"))
        .isEqualTo(Cli.json(whole).get("total").get("tokens"));
    assertThat(Cli.json(rest).get("total").get("perplexity").asDouble())
        .isCloseTo(Cli.json(whole).get("total").get("perplexity").asDouble(), Offset.offset(1e-3));
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
    Cli.refused(
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

  @Test
  void theTotalsSpeedIsThatOfTheWholeRun() throws IOException {
    Path out = folder.resolve("speed.json");
    Path state = folder.resolve("speed.state");
    assertThat(reports(out, "--max-tokens", 600, "--save-state", state))
        .as("none twice")
        .containsExactly(300L, 600L);
    JsonNode total = Cli.json(out).get("total");
    assertThat(total.get("tokens_per_second").asDouble())
        .isCloseTo(599 / total.get("seconds").asDouble(), Percentage.withPercentage(0.1));
    assertThat(reports(out, "--load-state", state, "--max-tokens", 900))
        .containsExactly(300L, 600L, 900L);
    total = Cli.json(out).get("total");
    assertThat(total.get("tokens_per_second").asDouble())
        .isCloseTo(899 / total.get("seconds").asDouble(), Percentage.withPercentage(0.1));
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
    return Cli.json(out).get("reports").valueStream().map(r -> r.get("tokens").asLong()).toList();
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
}
