// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a stream reads, keeps and shows.
class StreamCommandTest {
  @TempDir static Path folder;
  private static Path checkpoint;
  private static Path text;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(folder.resolve("model"));
    text = TinyCheckpoint.text(folder.resolve("text.txt"));
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
    JsonNode total = Cli.json(out).get("total");
    assertThat(total.get("tokens").asLong()).isEqualTo(ids.length);
    assertThat(total.get("bytes").asLong()).isEqualTo(bytes.length);
    assertThat(Math.log(total.get("perplexity").asDouble()))
        .isCloseTo(nats / (ids.length - 1), Offset.offset(1e-5));
    assertThat(Cli.json(out).get("reports").size()).isEqualTo((ids.length + 299) / 300);
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
    JsonNode reports = Cli.json(out).get("reports");
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
            Cli.json(eighth).get("weight_bytes").asDouble()
                / Cli.json(full).get("weight_bytes").asDouble())
        .isBetween(0.25, 0.33);
    assertThat(Cli.json(eighth).get("model_sha256"))
        .isNotEqualTo(Cli.json(full).get("model_sha256"));
    assertThat(Cli.run("generate", out8, "--max-tokens", 5).exitCode()).isZero();
    Cli.refused("exists already", "quantize", checkpoint, "--out", out8);
    Cli.refused("already quantised", "quantize", out8, "--out", folder.resolve("model88"));
    Cli.refused(
        "int8 weights can't be exported",
        "export",
        out8,
        "--to",
        "safetensors",
        "--out",
        folder.resolve("e.safetensors"));
    Cli.refused("already quantised", "bench", "inference", out8);
    Path state = TinyCheckpoint.stream(checkpoint, text, folder.resolve("saved.state"));
    Cli.refused("belongs to another model", "stream", out8, "--input", text, "--load-state", state);
    Cli.refused("belongs to another model", "generate", out8, "--load-state", state);
    Cli.refused(
        "--max-tokens=10, state=700",
        "stream",
        checkpoint,
        "--input",
        text,
        "--load-state",
        state,
        "--max-tokens",
        10);
  }

  /// 944 bytes of a user's, which unpack to 36,264: the text alone is read, however it is given.
  @Test
  void compressedTextIsTheTextInIt() throws IOException {
    Path packed = Path.of("../longnet-core/src/test/resources/corpora/text.txt.gz");
    Path plain = folder.resolve("plain.txt");
    try (InputStream in = new GZIPInputStream(Files.newInputStream(packed))) {
      Files.copy(in, plain);
    }
    Path json = folder.resolve("packed.json");
    Cli run = Cli.run("stream", checkpoint, "--input", packed, "--max-tokens", 800, "--json", json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("1 file: text in gzip");
    JsonNode unpacked = Cli.json(json).get("total");
    Cli.run("stream", checkpoint, "--input", plain, "--max-tokens", 800, "--json", json);
    assertThat(unpacked.get("perplexity")).isEqualTo(Cli.json(json).get("total").get("perplexity"));
    Cli raw =
        Cli.run("stream", checkpoint, "--input", packed, "--format", "text", "--max-tokens", 800);
    assertThat(raw.out()).doesNotContain("in gzip");
    Path prompt = Files.writeString(folder.resolve("rows.json"), "{\"text\": \"a\"}\n".repeat(2));
    Cli.refused(
        "--prompt-file must hold one text: "
            + prompt
            + " (JSON lines) holds several, which longnet stream --input reads into a state for --load-state",
        "generate",
        checkpoint,
        "--prompt-file",
        prompt);
  }
}
