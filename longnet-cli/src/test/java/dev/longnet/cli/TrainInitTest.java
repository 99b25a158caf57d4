// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A dense checkpoint that goes on as LongNet: `train --init`.
class TrainInitTest {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
      model: {layers: 2, hidden: 32, heads: 4, attention: {type: dense}}
      training: {window: 64, sequences: 2, batch_tokens: 512, steps: 80}
      optimizer: {learning_rate: 5e-3}
      schedule: {warmup_steps: 3}
      evaluation: {every_steps: 0, lengths: [16, 64], tokens: 2048}
      sample: {tokens: 0}
      """;

  @TempDir Path directory;
  private Path recipe;
  private Path dense;

  @BeforeEach
  void aDenseRun() throws IOException {
    Path corpus = Files.createDirectory(directory.resolve("corpus"));
    for (int i = 0; i < 40; i++) {
      Files.writeString(
          corpus.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
    recipe = Files.writeString(directory.resolve("tiny.yaml"), RECIPE.formatted(corpus));
    dense = directory.resolve("dense");
    Cli run = Cli.run("train", "--recipe", recipe, "--out", dense);
    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  /// The loss at both lengths after a step too small to change anything.
  private double[] started(Path init, String name, String attention) throws IOException {
    Path run = directory.resolve(name);
    Cli result =
        Cli.run(
            "train",
            "--recipe",
            recipe,
            "--out",
            run,
            "--init",
            init,
            "--max-steps",
            1,
            "--set",
            "model.attention=" + attention,
            "--set",
            "optimizer.learning_rate=1e-12");
    assertThat(result.exitCode()).as(result.err()).isZero();
    return losses(run);
  }

  private static double[] losses(Path run) throws IOException {
    JsonNode lengths =
        new ObjectMapper().readTree(run.resolve("evaluation.json").toFile()).get("lengths");
    return new double[] {
      lengths.get(0).get("nats_per_token").asDouble(),
      lengths.get(1).get("nats_per_token").asDouble()
    };
  }

  @Test
  void startsFromTheDenseModelsLossAtShortLengths() throws IOException {
    double[] expected = losses(dense);
    // It learned something: random weights have log(257) = 5.55 nats.
    assertThat(expected[0]).isLessThan(2.5);

    // Within the shortest segment undilated branches attend to the same keys as dense attention:
    // one loss.
    double[] undilated =
        started(
            dense, "undilated", "{type: dilated, segment_lengths: [16, 64], dilations: [1, 1]}");
    assertThat(undilated[0]).isCloseTo(expected[0], within(1e-5));
    // Beyond it keys of the short segment count twice.
    assertThat(undilated[1]).isNotEqualTo(expected[1]);

    // A dilated branch counts some keys twice at any length, and the loss moves a little.
    double[] dilated =
        started(dense, "dilated", "{type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}");
    assertThat(dilated[0]).isCloseTo(expected[0], within(0.1)).isNotEqualTo(expected[0]);
    assertThat(dilated[1]).isLessThan(2.5);
  }

  /// A model that has learned something has something to lose.
  @Test
  void int8PredictsAsWellAndTrainsOn() throws IOException {
    Path int8 = directory.resolve("int8");
    Cli quantize = Cli.run("quantize", dense, "--out", int8);
    assertThat(quantize.exitCode()).as(quantize.err()).isZero();
    double full = perplexity(dense);
    double quantized = perplexity(int8);
    assertThat(quantized).isCloseTo(full, withinPercentage(1)).isNotEqualTo(full);

    double[] expected = losses(dense);
    double[] on = started(int8, "on", "{type: dense}");
    assertThat(on[0]).isCloseTo(expected[0], within(0.01)).isNotEqualTo(expected[0]);
    assertThat(on[1]).isCloseTo(expected[1], within(0.01));
  }

  private double perplexity(Path run) throws IOException {
    Path json = directory.resolve("stream.json");
    Cli stream =
        Cli.run(
            "stream",
            run,
            "--input",
            directory.resolve("corpus"),
            "--max-tokens",
            64,
            "--json",
            json);
    assertThat(stream.exitCode()).as(stream.err()).isZero();
    return new ObjectMapper().readTree(json.toFile()).get("total").get("perplexity").asDouble();
  }
}
