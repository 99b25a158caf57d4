// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The program of docs/streaming.md, run as its reader would: by `java`, with what longnet-core
/// depends on and nothing else.
class ScoreProgramTest {
  private static final ModelConfig MODEL =
      new ModelConfig(
          257,
          2,
          32,
          2,
          64,
          PositionEncoding.XPOS,
          true,
          true,
          new AttentionConfig.Dilated(
              List.of(new Branch(16, 1), new Branch(64, 4)), HeadOffsets.INTERLEAVED));

  @TempDir Path directory;

  @Test
  void scoresATextWithoutLibtorch() throws Exception {
    String classPath = System.getProperty("java.class.path");
    assertThat(System.getProperty("surefire.test.class.path", classPath))
        .contains("longnet-attention")
        .doesNotContain("bytedeco", "pytorch", "javacpp");
    Map<String, TensorEntry> weights = TestModels.weights(MODEL, new Random(4));
    Path checkpoint = directory.resolve("checkpoint");
    Checkpoint.writeModelOnly(
        checkpoint,
        MODEL,
        "bytes",
        64,
        path -> SafetensorsWriter.write(path, Map.of(), List.copyOf(weights.values())));
    String text = "A text of some length, read by a program of ten lines.\n".repeat(3);
    Path input = Files.writeString(directory.resolve("text.txt"), text);
    Path program = Files.writeString(directory.resolve("Score.java"), program());

    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "--add-modules=jdk.incubator.vector",
                "-cp",
                classPath,
                program.toString(),
                checkpoint.toString(),
                input.toString())
            .redirectError(directory.resolve("errors").toFile())
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(() -> read(directory.resolve("errors"))).isZero();
    Matcher perplexity = Pattern.compile("perplexity ([0-9.]+)\\s*").matcher(output);
    assertThat(perplexity.matches()).as(output).isTrue();
    assertThat(Double.parseDouble(perplexity.group(1)))
        .isCloseTo(expected(weights, text), Percentage.withPercentage(0.01));
  }

  /// The same in float64.
  private static double expected(Map<String, TensorEntry> weights, String text) {
    int[] tokens = text.chars().toArray();
    double[][] logits = new ReferenceDecoder(MODEL, weights).logits(tokens, 0);
    double nats = 0;
    for (int i = 1; i < tokens.length; i++) {
      double sum = 0;
      for (double logit : logits[i - 1]) {
        sum += Math.exp(logit);
      }
      nats += Math.log(sum) - logits[i - 1][tokens[i]];
    }
    return Math.exp(nats / (tokens.length - 1));
  }

  private static String program() throws IOException {
    String page = Files.readString(Path.of("../docs/streaming.md"));
    Matcher block = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(page);
    assertThat(block.find()).isTrue();
    return block.group(1);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
