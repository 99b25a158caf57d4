// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `import`, `export`, `encode` as a person uses them.
class WeightsCommandsTest {
  @TempDir static Path shared;
  private static Path checkpoint;

  @TempDir Path directory;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(shared.resolve("model"));
  }

  private void assertNothingHalfWritten() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files.map(p -> p.getFileName().toString()).filter(n -> n.startsWith(".")))
          .isEmpty();
    }
  }

  @Test
  void exportsAndImportsToTheSameLogits() throws IOException {
    Path tokens = directory.resolve("tokens.safetensors");
    SafetensorsWriter.write(
        tokens,
        Map.of(),
        List.of(TensorEntry.of("tokens", new long[] {1, 6}, 1L, 2, 3, 200, 5, 256)));
    Cli export =
        Cli.run(
            "export",
            checkpoint,
            "--to",
            "safetensors",
            "--out",
            directory.resolve("m"),
            "--shard-size",
            "20KB");
    assertThat(export.err()).isEmpty();
    assertThat(export.exitCode()).isZero();
    Cli imported =
        Cli.run("import", "torchscale", directory.resolve("m"), "--out", directory.resolve("run"));
    assertThat(imported.err()).isEmpty();
    assertThat(imported.out()).contains("decoder").contains("parameters");
    for (Path run : List.of(checkpoint, directory.resolve("run"))) {
      Cli logits =
          Cli.run(
              "logits",
              run,
              "--tokens",
              tokens,
              "--out",
              directory.resolve(run.getFileName() + ".safetensors"));
      assertThat(logits.err()).isEmpty();
    }
    assertThat(
            Files.mismatch(
                directory.resolve("model.safetensors"), directory.resolve("run.safetensors")))
        .isEqualTo(-1);
  }

  @Test
  void aDirectoryOfTheHubsFormGoesOutAndComesIn() throws IOException {
    Path hub = directory.resolve("hub");
    Cli export = Cli.run("export", checkpoint, "--to", "hub", "--language", "en,de", "--out", hub);
    assertThat(export.err()).isEmpty();
    assertThat(Files.readString(hub.resolve("README.md"))).contains("- en\n- de\n");
    Cli imported = Cli.run("import", "hub", hub, "--out", directory.resolve("run"));
    assertThat(imported.err()).isEmpty();
    assertThat(imported.out()).contains("decoder");
    assertThat(Cli.run("generate", hub).err()).contains("`import hub` makes one of it");
    assertThat(Cli.run("import", "torchscale", hub, "--out", directory.resolve("x")).err())
        .contains("which `import hub` takes");
    assertThat(
            Cli.run(
                    "export",
                    checkpoint,
                    "--to",
                    "safetensors",
                    "--license",
                    "mit",
                    "--out",
                    directory.resolve("m.safetensors"))
                .err())
        .isEqualTo("longnet: --language and --license are for a model card: --to=hub\n");
    assertNothingHalfWritten();
  }

  @Test
  void aModelWithoutATokenizerRunsButDoesNotWrite() throws IOException {
    // Two heads and r = 4: both offset rules agree, so torchscale has this model.
    Path file = directory.resolve("m.safetensors");
    assertThat(Cli.run("export", checkpoint, "--to", "torchscale", "--out", file).exitCode())
        .isZero();
    try (SafetensorsFile exported = SafetensorsFile.open(file)) {
      assertThat(
              new ObjectMapper()
                  .readTree(exported.metadata().get("config"))
                  .get("segment_length")
                  .asText())
          .isEqualTo("[16, 64]");
    }
    Path run = directory.resolve("run");
    assertThat(Cli.run("import", "torchscale", file, "--out", run).exitCode()).isZero();
    Cli generate = Cli.run("generate", run, "--prompt", "x", "--max-tokens", 1);
    assertThat(generate.exitCode()).isEqualTo(2);
    assertThat(generate.err())
        .contains("import it again with longnet import torchscale --tokenizer NAME");
    for (String tokenizer : List.of("missing.json", "words", "cl100k_base")) {
      Cli wrong =
          Cli.run(
              "import",
              "torchscale",
              file,
              "--tokenizer",
              tokenizer,
              "--out",
              directory.resolve("wrong"));
      assertThat(wrong.exitCode()).as(tokenizer).isEqualTo(2);
      assertThat(wrong.err()).contains(tokenizer);
      assertThat(directory.resolve("wrong")).doesNotExist();
    }
    Path named = directory.resolve("named");
    assertThat(
            Cli.run("import", "torchscale", file, "--tokenizer", "bytes", "--out", named)
                .exitCode())
        .isZero();
    assertThat(Cli.run("generate", named, "--prompt", "x", "--max-tokens", 1).exitCode()).isZero();
  }

  @Test
  void mistakesAreOneLineAndLeaveNothing() throws IOException {
    Path garbage = Files.write(directory.resolve("garbage.safetensors"), new byte[100]);
    Path out = directory.resolve("run");
    for (Cli run :
        List.of(
            Cli.run("import", "torchscale", directory.resolve("missing.safetensors"), "--out", out),
            Cli.run("import", "torchscale", garbage, "--out", out),
            Cli.run("import", "torchscale", directory, "--out", out),
            Cli.run("import"),
            Cli.run("export", checkpoint, "--to", "onnx", "--out", out),
            Cli.run("export", checkpoint, "--to", "torchscale", "--out", out),
            Cli.run(
                "export", checkpoint, "--to", "torchscale", "--out", out, "--shard-size", "five"),
            Cli.run(
                "export",
                directory.resolve("nothing"),
                "--to",
                "torchscale",
                "--out",
                directory.resolve("x.safetensors")),
            Cli.run("export", checkpoint, "--to", "torchscale", "--out", garbage),
            Cli.run(
                "encode",
                checkpoint,
                "--input",
                garbage,
                "--out",
                directory.resolve("y.safetensors")),
            Cli.run(
                "encode",
                directory.resolve("nothing"),
                "--input",
                garbage,
                "--out",
                directory.resolve("y.safetensors")))) {
      assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
      assertThat(run.err().strip().lines()).as(run.err()).hasSize(1);
      assertThat(run.err()).startsWith("longnet: ");
    }
    assertThat(out).doesNotExist();
    assertThat(directory.resolve("y.safetensors")).doesNotExist();
    assertNothingHalfWritten();
  }

  @Test
  void decodersAreNotEncoders() throws IOException {
    Path input = directory.resolve("in.safetensors");
    SafetensorsWriter.write(
        input, Map.of(), List.of(TensorEntry.of("tokens", new long[] {1, 2}, 1L, 2)));
    Cli run =
        Cli.run(
            "encode", checkpoint, "--input", input, "--out", directory.resolve("y.safetensors"));
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("encode needs an encoder");
  }

  @Test
  void encodesToSafetensorsAndNpy() throws IOException {
    Path encoder = TinyCheckpoint.writeEncoder(directory.resolve("encoder"));
    float[] values = new float[2 * 10 * 16];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i);
    }
    Path input = directory.resolve("in.safetensors");
    SafetensorsWriter.write(
        input, Map.of(), List.of(TensorEntry.of("embeddings", new long[] {2, 10, 16}, values)));
    Path out = directory.resolve("out.safetensors");
    Cli run = Cli.run("encode", encoder, "--input", input, "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("2 x 10 positions");
    try (SafetensorsFile file = SafetensorsFile.open(out)) {
      assertThat(file.tensor("hidden").shape()).containsExactly(2, 10, 16);
      assertThat(file.tensor("pooled").shape()).containsExactly(2, 16);
    }
    assertThat(
            Cli.run(
                    "encode",
                    encoder,
                    "--input",
                    input,
                    "--out",
                    directory.resolve("p.npy"),
                    "--outputs",
                    "pooled")
                .exitCode())
        .isZero();
    assertThat(directory.resolve("p.npy")).isRegularFile();
    Cli two = Cli.run("encode", encoder, "--input", input, "--out", directory.resolve("q.npy"));
    assertThat(two.exitCode()).isEqualTo(2);
    assertThat(two.err()).contains("--outputs=pooled");
    Cli segments =
        Cli.run(
            "encode",
            encoder,
            "--input",
            input,
            "--out",
            directory.resolve("s.safetensors"),
            "--segment-lengths",
            "4,x");
    assertThat(segments.exitCode()).isEqualTo(2);
    Cli other =
        Cli.run(
            "encode",
            encoder,
            "--input",
            input,
            "--out",
            directory.resolve("s.safetensors"),
            "--segment-lengths",
            "geometric:4");
    assertThat(other.exitCode()).as(other.err()).isZero();
    Cli logits =
        Cli.run("logits", encoder, "--tokens", input, "--out", directory.resolve("l.safetensors"));
    assertThat(logits.exitCode()).isEqualTo(2);
    assertThat(logits.err()).contains("longnet-encoder");
  }
}
