package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.data.Offset;
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
    text = Files.writeString(folder.resolve("text.txt"), "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(30));
  }

  private static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  @Test
  void perplexityIsTheWholeForwardPasss() throws IOException {
    Path out = folder.resolve("a.json");
    Cli run = Cli.run("stream", checkpoint, "--input", text, "--report-every", 300, "--json", out, "--chunk-tokens", 100);
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
      Tensor window = TensorMemory.view(arena.allocateFrom(ValueLayout.JAVA_LONG, ids), ScalarType.Long, 1, ids.length);
      for (float loss : TensorMemory.of(decoder.losses(window).contiguous()).toArray(ValueLayout.JAVA_FLOAT)) {
        nats += loss;
      }
    }
    JsonNode total = json(out).get("total");
    assertThat(total.get("tokens").asLong()).isEqualTo(ids.length);
    assertThat(total.get("bytes").asLong()).isEqualTo(bytes.length);
    assertThat(Math.log(total.get("perplexity").asDouble())).isCloseTo(nats / (ids.length - 1), Offset.offset(1e-5));
    assertThat(json(out).get("reports").size()).isEqualTo((ids.length + 299) / 300);
  }

  @Test
  void anInterruptedStreamGoesOnFromItsSavedState() throws IOException {
    Path whole = folder.resolve("whole.json");
    Path rest = folder.resolve("rest.json");
    Path state = folder.resolve("s.state");
    assertThat(Cli.run("stream", checkpoint, "--input", text, "--json", whole).exitCode()).isZero();
    Cli first = Cli.run("stream", checkpoint, "--input", text, "--max-tokens", 457, "--save-state", state, "--save-every", 100);
    assertThat(first.exitCode()).as(first.err()).isZero();
    Cli second = Cli.run("stream", checkpoint, "--input", text, "--load-state", state, "--save-state", state, "--json", rest);
    assertThat(second.exitCode()).as(second.err()).isZero();
    assertThat(second.out()).contains("going on after 457 tokens, in the middle of this input");
    assertThat(json(rest).get("total").get("tokens")).isEqualTo(json(whole).get("total").get("tokens"));
    assertThat(json(rest).get("total").get("perplexity").asDouble())
        .isCloseTo(json(whole).get("total").get("perplexity").asDouble(), Offset.offset(1e-3));
  }

  /// Reading a text and then generating is generating from the text as prompt.
  @Test
  void generationGoesOnFromAStateReadEarlier() throws IOException {
    Path prompt = Files.writeString(folder.resolve("prompt.txt"), "class A { int x");
    Path state = folder.resolve("p.state");
    // A stream ends its document with an end-of-text token, so the last token of it stays unread here.
    assertThat(Cli.run("stream", checkpoint, "--input", prompt, "--max-tokens", 16, "--save-state", state).exitCode()).isZero();
    Cli a = Cli.run("generate", checkpoint, "--load-state", state, "--temperature", 0, "--max-tokens", 60);
    Cli b = Cli.run("generate", checkpoint, "--prompt-file", prompt, "--temperature", 0, "--max-tokens", 60);
    assertThat(a.exitCode()).as(a.err()).isZero();
    assertThat(a.out()).isEqualTo(b.out());
  }

  @Test
  void int8TakesAQuarterAndPredictsAsWell() throws IOException {
    Path out8 = folder.resolve("model8");
    Cli quantize = Cli.run("quantize", checkpoint, "--out", out8);
    assertThat(quantize.exitCode()).as(quantize.err()).isZero();
    Path full = folder.resolve("f.json");
    Path eighth = folder.resolve("e.json");
    assertThat(Cli.run("stream", checkpoint, "--input", text, "--json", full).exitCode()).isZero();
    Cli run8 = Cli.run("stream", out8, "--input", text, "--json", eighth);
    assertThat(run8.exitCode()).as(run8.err()).isZero();
    assertThat(json(eighth).get("total").get("perplexity").asDouble())
        .isCloseTo(json(full).get("total").get("perplexity").asDouble(), org.assertj.core.data.Percentage.withPercentage(1));
    assertThat(json(eighth).get("model_sha256")).isNotEqualTo(json(full).get("model_sha256"));
    assertThat(Cli.run("generate", out8, "--max-tokens", 5).exitCode()).isZero();
    refused("exists already", "quantize", checkpoint, "--out", out8);
    refused("already quantised", "quantize", out8, "--out", folder.resolve("model88"));
  }

  @Test
  void mistakesAreOneLine() throws IOException {
    Path state = Files.write(folder.resolve("bad.state"), "something else entirely".getBytes(StandardCharsets.UTF_8));
    refused("no such file", "stream", checkpoint, "--input", folder.resolve("missing"));
    refused("not a saved stream state", "stream", checkpoint, "--input", text, "--load-state", state);
    refused("not a saved stream state", "generate", checkpoint, "--load-state", state);
    refused("no such file", "generate", checkpoint, "--load-state", folder.resolve("none.state"));
    refused("--report-every=0", "stream", checkpoint, "--input", text, "--report-every", 0);
    refused("--max-tokens", "stream", checkpoint, "--input", text, "--repeat");
    refused("threads=0", "stream", checkpoint, "--input", text, "--threads", 0);
  }

  private static void refused(String part, Object... words) {
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err().lines()).as(run.err()).hasSize(1);
    assertThat(run.err()).contains(part);
    assertThat(run.out()).isEmpty();
  }
}
