// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a run keeps of its corpus: the sources' weights, the tokenizer.
class CorpusOfARunTest {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: '%s', validation: 0.3}
      model: {layers: 1, hidden: 16, heads: 2, attention: {type: dense}}
      training: {window: 32, sequences: 2, batch_tokens: 64, steps: 2}
      schedule: {warmup_steps: 1}
      evaluation: {every_steps: 0, lengths: [16], tokens: 64}
      sample: {tokens: 2}
      """;

  @TempDir Path folder;
  private Path first;
  private Path second;

  @BeforeEach
  void corpora() throws IOException {
    first = corpus("first", "class File%d { int value; }\n");
    second = corpus("second", "document %d of plain words\n");
  }

  @Test
  void corporaOnTheCommandLineMayHaveWeights() throws IOException {
    Path recipe = Files.writeString(folder.resolve("tiny.yaml"), RECIPE.formatted(first, "bytes"));
    Path out = folder.resolve("run");
    Cli run =
        Cli.run(
            "train",
            "--recipe",
            recipe,
            "--corpus",
            first + "=3",
            "--corpus",
            second + "=0.5",
            "--out",
            out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    String kept = Files.readString(out.resolve("recipe.yaml"));
    assertThat(kept)
        .containsPattern("path: \"?" + first + "\"?\\s+weight: 3.0")
        .containsPattern("path: \"?" + second + "\"?\\s+weight: 0.5");
    Cli mixed =
        Cli.run(
            "train",
            "--recipe",
            recipe,
            "--corpus",
            first + "=3",
            "--corpus",
            second,
            "--out",
            folder.resolve("other"));
    assertThat(mixed.exitCode()).isEqualTo(2);
    assertThat(mixed.err()).contains("weight must be given for all sources or for none: 1 of 2");
    Cli negative =
        Cli.run(
            "train",
            "--recipe",
            recipe,
            "--corpus",
            first + "=-3",
            "--out",
            folder.resolve("other"));
    assertThat(negative.exitCode()).isEqualTo(2);
    assertThat(negative.err()).contains("weight must be a number from");
  }

  @Test
  void aRunKeepsItsTokenizer() throws IOException {
    Path tokenizer = folder.resolve("t.json");
    assertThat(
            Cli.run(
                    "tokenizer",
                    "train",
                    "--vocab-size",
                    300,
                    "--corpus",
                    first,
                    "--out",
                    tokenizer)
                .exitCode())
        .isZero();
    Path recipe =
        Files.writeString(folder.resolve("tiny.yaml"), RECIPE.formatted(first, tokenizer));
    Path out = folder.resolve("run");
    Cli run = Cli.run("train", "--recipe", recipe, "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    Path checkpoint;
    try (Stream<Path> all = Files.list(out.resolve("checkpoints"))) {
      checkpoint = all.findFirst().orElseThrow();
    }
    assertThat(Files.mismatch(tokenizer, out.resolve("tokenizer.json"))).isEqualTo(-1);
    assertThat(Files.mismatch(tokenizer, checkpoint.resolve("tokenizer.json"))).isEqualTo(-1);
    String before = evaluated(out, "");

    // Trained anew, with more ids: the model's are still those it was trained with.
    assertThat(
            Cli.run(
                    "tokenizer",
                    "train",
                    "--vocab-size",
                    310,
                    "--corpus",
                    second,
                    "--out",
                    tokenizer,
                    "--force")
                .exitCode())
        .isZero();
    String note =
        tokenizer
            + " is gone or another tokenizer now than the one of training: its copy in the checkpoint is used";
    assertThat(evaluated(out, note)).isEqualTo(before);
    Files.delete(tokenizer);
    assertThat(evaluated(out, note)).isEqualTo(before);
    Cli generate = Cli.run("generate", out, "--prompt", "class", "--max-tokens", 2, "--seed", 1);
    assertThat(generate.exitCode()).as(generate.err()).isZero();
    Path int8 = folder.resolve("int8");
    assertThat(Cli.run("quantize", out, "--out", int8).exitCode()).isZero();
    assertThat(int8.resolve("tokenizer.json")).exists();
    Cli more =
        Cli.run(
            "train",
            "--recipe",
            recipe,
            "--set",
            "corpus.tokenizer=" + out.resolve("tokenizer.json"),
            "--init",
            out,
            "--dry-run",
            "--out",
            folder.resolve("more"));
    assertThat(more.exitCode()).as("the same content at another place: " + more.err()).isZero();
  }

  /// The line of perplexity without its speed.
  private static String evaluated(Path run, String note) {
    Cli eval = Cli.run("eval", run, "--lengths", 16, "--max-tokens", 64);
    assertThat(eval.exitCode()).as(eval.err()).isZero();
    assertThat(eval.err()).contains(note);
    String line =
        eval.out().lines().filter(l -> l.strip().startsWith("16 ")).findFirst().orElseThrow();
    return line.strip().replaceFirst("\\s+\\S+$", "");
  }

  private Path corpus(String name, String line) throws IOException {
    Path directory = Files.createDirectories(folder.resolve(name));
    for (int i = 0; i < 30; i++) {
      Files.writeString(directory.resolve("f" + i), line.formatted(i).repeat(10));
    }
    return directory;
  }
}
