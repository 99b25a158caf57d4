// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class EvalCommandTest {
  @TempDir static Path shared;
  @TempDir Path folder;
  private static Path checkpoint;
  private static Path corpus;

  @BeforeAll
  static void set() throws IOException {
    checkpoint = TinyCheckpoint.write(shared.resolve("model"));
    corpus = Files.createDirectories(shared.resolve("corpus"));
    for (int i = 0; i < 30; i++) {
      Files.writeString(
          corpus.resolve("F" + i + ".java"),
          "class F" + i + " {\n" + "  int x = 1;\n".repeat(3 + i) + "}\n");
    }
  }

  @Test
  void measuresEveryLengthAndWritesJson() throws IOException {
    Path json = folder.resolve("deep/eval.json");
    Cli run = eval(checkpoint, "--lengths", "64,16", "--json", json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode result = new ObjectMapper().readTree(json.toFile());
    assertThat(result.path("lengths")).hasSize(2);
    assertThat(result.path("lengths").get(0).path("length").asInt()).isEqualTo(16);
    double perplexity = result.path("lengths").get(1).path("perplexity").asDouble();
    assertThat(perplexity).as("random weights guess among 257 bytes").isBetween(100.0, 700.0);
    double bits = result.path("lengths").get(1).path("bits_per_byte").asDouble();
    double perByte = result.path("tokens").asDouble() / result.path("bytes").asDouble();
    assertThat(bits).isCloseTo(Math.log(perplexity) / Math.log(2) * perByte, within(1e-6));
    assertThat(result.path("documents").path("documents").asInt()).isGreaterThan(3);
    assertThat(run.out()).contains("perplexity", "gzip -9", "%.4f".formatted(perplexity));
    assertThat(result.at("/positions/length").asInt()).as("the longest").isEqualTo(64);
    assertThat(result.at("/positions/octaves/0/bits_per_token").asDouble())
        .as("one octave is all of it")
        .isCloseTo(Math.log(perplexity) / Math.log(2), within(1e-6));
    assertThat(result.at("/copy_probe/octaves/0/residues")).hasSize(4);
    assertThat(result.at("/copy_probe/reach").isNull()).as("random weights find nothing").isTrue();
    assertThat(run.out())
        .contains("bits a token by position in windows of 64: 0-63 ")
        .contains("copies are not found at any distance: bits saved of a token by distance 32-32 ");
    Cli without = eval(checkpoint, "--lengths", "16", "--copy-probe", 0, "--json", json);
    assertThat(without.out()).contains("bits a token by position").doesNotContain("copies are");
    assertThat(new ObjectMapper().readTree(json.toFile()).has("copy_probe")).isFalse();
  }

  @Test
  void blockwiseEqualsPlainWithinTheTrainedLengthAndReachesBeyond() throws IOException {
    Path plain = folder.resolve("plain.json");
    Path blocks = folder.resolve("blocks.json");
    assertThat(eval(checkpoint, "--lengths", "32,64,512", "--json", plain).exitCode()).isZero();
    Cli run = eval(checkpoint, "--lengths", "32,64,512", "--json", blocks, "--blockwise");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("trained on 64");
    JsonNode a = new ObjectMapper().readTree(plain.toFile()).path("lengths");
    JsonNode b = new ObjectMapper().readTree(blocks.toFile()).path("lengths");
    for (int i = 0; i < 2; i++) {
      assertThat(b.get(i).path("nats_per_token").asDouble())
          .isCloseTo(a.get(i).path("nats_per_token").asDouble(), within(1e-5));
    }
    assertThat(b.get(2).path("nats_per_token").asDouble())
        .isNotEqualTo(a.get(2).path("nats_per_token").asDouble());
  }

  @Test
  void readsInt8() throws IOException {
    Path int8 = folder.resolve("int8");
    assertThat(Cli.run("quantize", checkpoint, "--out", int8).exitCode()).isZero();
    double[] nats = new double[2];
    for (int i = 0; i < 2; i++) {
      Path json = folder.resolve(i + ".json");
      Cli run = eval(i == 0 ? checkpoint : int8, "--lengths", "64", "--json", json);
      assertThat(run.exitCode()).as(run.err()).isZero();
      nats[i] =
          new ObjectMapper()
              .readTree(json.toFile())
              .path("lengths")
              .get(0)
              .path("nats_per_token")
              .asDouble();
    }
    assertThat(nats[1]).isNotEqualTo(nats[0]).isCloseTo(nats[0], within(0.01));
  }

  @Test
  void mistakesAreOneLineAndLeaveNothing() throws IOException {
    Path json = folder.resolve("eval.json");
    refused(
        "length=0",
        checkpoint,
        "--corpus",
        corpus,
        "--validation",
        "0.5",
        "--lengths",
        "0",
        "--json",
        json);
    refused(
        "length=99999999",
        checkpoint,
        "--corpus",
        corpus,
        "--validation",
        "0.5",
        "--lengths",
        "99999999",
        "--json",
        json);
    refused("--lengths", checkpoint, "--corpus", corpus, "--lengths", "abc", "--json", json);
    refused("--max-tokens=0", checkpoint, "--corpus", corpus, "--max-tokens", "0", "--json", json);
    refused(
        "--copy-probe=-1", checkpoint, "--corpus", corpus, "--copy-probe", "-1", "--json", json);
    refused("give --corpus", checkpoint, "--json", json);
    refused(
        "no-such-corpus", checkpoint, "--corpus", folder.resolve("no-such-corpus"), "--json", json);
    refused("no such run", folder.resolve("none"), "--json", json);
    refused("0.9", checkpoint, "--corpus", corpus, "--validation", "0.9");
    Path broken = TinyCheckpoint.write(folder.resolve("broken"));
    Files.writeString(broken.resolve("config.json"), "{\"format\": ");
    refused("config.json", broken, "--corpus", corpus, "--json", json);
    assertThat(json).doesNotExist();
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskIsTheEnvironments() {
    Cli run = eval(checkpoint, "--lengths", "16", "--json", "/dev/full");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).endsWith("longnet: No space left on device: /dev/full\n");
  }

  /// On half of the corpus.
  private static Cli eval(Path model, Object... options) {
    List<Object> words =
        new ArrayList<>(List.of("eval", model, "--corpus", corpus, "--validation", "0.5"));
    words.addAll(List.of(options));
    return Cli.run(words.toArray());
  }

  private static void refused(String part, Object... options) {
    Object[] words = new Object[options.length + 1];
    words[0] = "eval";
    System.arraycopy(options, 0, words, 1, options.length);
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).as(part + ": " + run.err()).isEqualTo(2);
    assertThat(run.err().lines().filter(l -> l.startsWith("longnet: "))).as(run.err()).hasSize(1);
    assertThat(run.err()).contains(part).doesNotContain("\tat ");
  }
}
