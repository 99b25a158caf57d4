// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `bench inference` and `bench stream`.
class BenchInferenceCommandTest {
  @TempDir static Path folder;
  private static Path checkpoint;
  private static Path text;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(folder.resolve("model"));
    text = TinyCheckpoint.text(folder.resolve("text.txt"));
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
    Cli.refused("--rounds must be positive", "bench", "inference", checkpoint, "--rounds", 0);
    Cli.refused("--text-tokens=0", "bench", "inference", checkpoint, "--text-tokens", 0);
  }

  @Test
  void benchStreamComparesNothingButItsOwn() {
    Cli.refused("leave out RUN", "bench", "stream", checkpoint, "--compare");
    Cli.refused("leave out --input", "bench", "stream", "--compare", "--input", text);
    Cli.refused("leave out --suffix", "bench", "stream", "--compare", "--suffix", ".java");
    Cli.refused("leave out --save-every", "bench", "stream", "--compare", "--save-every", 100);
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
}
