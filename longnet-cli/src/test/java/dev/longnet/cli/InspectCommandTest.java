// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `inspect` of everything it knows.
class InspectCommandTest {
  @TempDir static Path shared;
  @TempDir Path folder;
  private static Path corpus;
  private static Path checkpoint;

  @BeforeAll
  static void set() throws IOException {
    corpus = Files.createDirectories(shared.resolve("corpus"));
    for (int i = 0; i < 30; i++) {
      Files.writeString(
          corpus.resolve("F" + i + ".java"),
          "class F" + i + " {\n" + "  int x = 1;\n".repeat(3 + i) + "}\n");
    }
    checkpoint = TinyCheckpoint.write(shared.resolve("model"));
  }

  @Test
  void aCorpus() throws IOException {
    Path png = folder.resolve("lengths.png");
    Cli run = Cli.run("inspect", corpus, "--png", png, "--samples", 2);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("tokenizer bytes", "30 documents", "Lengths of documents", "█", "class F")
        .containsPattern("(?s)--- F\\d+\\.java .*--- F\\d+\\.java ");
    BufferedImage image = ImageIO.read(png.toFile());
    assertThat(image.getWidth()).isEqualTo(1200);
  }

  @Test
  void shardsAndTheirChecksums() throws IOException {
    Path shards = folder.resolve("shards");
    assertThat(Cli.run("tokenize", "--corpus", corpus, "--out", shards).exitCode()).isZero();
    Cli good = Cli.run("inspect", shards, "--verify");
    assertThat(good.exitCode()).as(good.err()).isZero();
    assertThat(good.out()).contains("30 documents", "every file has its checksum");
    Path names = shards.resolve("train-000-000000.names");
    byte[] bytes = Files.readAllBytes(names);
    bytes[0] ^= 1;
    Files.write(names, bytes);
    Cli damaged = Cli.run("inspect", shards, "--verify");
    assertThat(damaged.exitCode()).isEqualTo(1);
    assertThat(damaged.err()).contains("differs from its checksum: " + names);
  }

  @Test
  void shardsOfATokenizerThatIsAnotherOneNow() throws IOException {
    Path tokenizer = folder.resolve("t.json");
    Path shards = folder.resolve("shards");
    assertThat(
            Cli.run(
                    "tokenizer",
                    "train",
                    "--vocab-size",
                    280,
                    "--corpus",
                    corpus,
                    "--out",
                    tokenizer)
                .exitCode())
        .isZero();
    assertThat(
            Cli.run("tokenize", "--corpus", corpus, "--tokenizer", tokenizer, "--out", shards)
                .exitCode())
        .isZero();
    assertThat(Cli.run("inspect", shards).out()).contains("class F");
    assertThat(
            Cli.run(
                    "tokenizer",
                    "train",
                    "--vocab-size",
                    270,
                    "--corpus",
                    corpus,
                    "--out",
                    tokenizer,
                    "--force")
                .exitCode())
        .isZero();
    Cli changed = Cli.run("inspect", shards);
    assertThat(changed.exitCode()).isZero();
    assertThat(changed.out()).contains("30 documents").doesNotContain("---");
    assertThat(changed.err())
        .contains(
            "no samples: the tokenizer " + tokenizer + " changed since these shards were made");
    Files.delete(tokenizer);
    Cli gone = Cli.run("inspect", shards);
    assertThat(gone.exitCode()).isZero();
    assertThat(gone.err().lines()).hasSize(1);
    assertThat(gone.err()).contains("no samples: the tokenizer " + tokenizer + " can't be read");
  }

  @Test
  void aCheckpointAnEncoderAndTheFilesOfOthers() throws IOException {
    Cli run = Cli.run("inspect", checkpoint);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("embed_tokens.weight", "[257, 32]", " tensors, ");

    Path encoder = TinyCheckpoint.writeEncoder(folder.resolve("encoder"));
    Cli ofEncoder = Cli.run("inspect", encoder);
    assertThat(ofEncoder.exitCode()).as(ofEncoder.err()).isZero();
    assertThat(ofEncoder.out()).contains("layers.0.self_attn.q_proj.weight", "[16, 16]");

    Path shards = folder.resolve("shards");
    assertThat(
            Cli.run(
                    "export",
                    checkpoint,
                    "--to",
                    "safetensors",
                    "--out",
                    shards,
                    "--shard-size",
                    "20KB")
                .exitCode())
        .isZero();
    Path pytorch = Path.of("../longnet-core/src/test/resources/pytorch/values.pt");
    for (Path weights :
        List.of(
            shards,
            shards.resolve("model.safetensors.index.json"),
            checkpoint.resolve("model.safetensors"),
            pytorch)) {
      Cli ofWeights = Cli.run("inspect", weights);
      assertThat(ofWeights.exitCode()).as(ofWeights.err()).isZero();
      assertThat(ofWeights.out())
          .contains(weights.equals(pytorch) ? "model.0.weight" : "embed_tokens.weight");
    }
  }

  @Test
  void mistakesAreOneLine() throws IOException {
    Path garbage = Files.write(folder.resolve("garbage.safetensors"), new byte[100]);
    Path torch = Files.write(folder.resolve("garbage.pth"), new byte[100]);
    Path broken = TinyCheckpoint.write(folder.resolve("broken"));
    Files.writeString(broken.resolve("config.json"), "{");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Path shards = Files.createDirectory(folder.resolve("shards"));
    Files.writeString(shards.resolve("manifest.json"), "{}");
    Path noRun = Files.createDirectories(folder.resolve("run/checkpoints")).getParent();
    for (Object what :
        List.of(
            folder.resolve("nothing"),
            garbage,
            torch,
            broken,
            empty,
            shards,
            noRun,
            "nothing.pt")) {
      Cli run = Cli.run("inspect", what);
      assertThat(run.exitCode()).as(what + ": " + run.err()).isEqualTo(2);
      assertThat(run.err().strip().lines()).as(run.err()).hasSize(1);
      assertThat(run.err()).startsWith("longnet: ");
    }
  }
}
