// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a run leaves behind, and what `train` refuses.
class TrainCommandTest {
  @TempDir Path directory;
  private Path recipe;

  @BeforeEach
  void corpus() throws IOException {
    recipe = TinyRecipe.write(directory);
  }

  @Test
  void aRunLeavesEverythingItPromises() throws Exception {
    Path run = directory.resolve("run");
    Cli result = TinyRecipe.train(recipe, run);
    assertThat(result.exitCode()).as(result.toString()).isZero();
    assertThat(result.out())
        .contains(
            "parameters",
            "memory",
            "operations",
            "time ",
            "step 60/60",
            "bits/byte, gzip -9",
            "report");
    assertThat(TinyRecipe.names(run))
        .contains(
            "recipe.yaml",
            "metrics.jsonl",
            "tensorboard",
            "checkpoints",
            "environment.json",
            "evaluation.json",
            "sample.txt",
            "report.html");
    assertThat(TinyRecipe.names(run.resolve("checkpoints")))
        .containsExactlyInAnyOrder("step-00000050", "step-00000060");
    assertThat(Files.readAllLines(run.resolve("metrics.jsonl")))
        .filteredOn(line -> line.contains("\"event\":\"validation\""))
        .hasSize(3);
  }

  @Test
  void aRunThatEndsBeforeItsBranchesJoinedSaysSo() throws Exception {
    String late = "training.branch_starts=[0, 0.5]";
    Cli early =
        TinyRecipe.train(recipe, directory.resolve("early"), "--set", late, "--max-steps", 30);
    assertThat(early.out())
        .contains(
            "note         stopped at step 30, before all branches joined (training.branch_starts): 1 of 2");
    Cli whole =
        TinyRecipe.train(recipe, directory.resolve("whole"), "--set", late, "--max-steps", 31);
    assertThat(whole.out()).contains("step 31").doesNotContain("before all branches joined");
  }

  @Test
  void windowsThatGrowAreShownAndWrittenDown() throws Exception {
    String windows =
        "training.windows=[{until: 0.5, window: 16, batch_tokens: 128}, "
            + "{until: 0.9, window: 32}, {window: 64}]";
    Path run = directory.resolve("run");
    Cli result = TinyRecipe.train(recipe, run, "--set", windows, "--max-steps", 40);
    assertThat(result.exitCode()).as(result.toString()).isZero();
    assertThat(result.out())
        .contains(
            "windows      16 tokens, 128 a step, until step 30",
            "             32 tokens, 256 a step, until step 54",
            "             64 tokens, 256 a step, until step 60",
            "for 40 steps of 128 to 256 tokens",
            "step 20: validation loss ",
            ", windows of 16\n",
            "step 40/40  window 32  loss ",
            "none was above 32 tokens, what follows looks at up to 64",
            "positions    bits a token by position in windows of 64: 0-63 ",
            "reach        copies are ");
    assertThat(Files.readAllLines(run.resolve("metrics.jsonl")))
        .anyMatch(line -> line.contains("\"phase\":1,\"window\":16,\"step_tokens\":128"))
        .anyMatch(line -> line.contains("\"phase\":2,\"window\":32,\"step_tokens\":256"));
    assertThat(run.resolve("report.html"))
        .content()
        .contains("windows of 32</text>", "id=\"bits-by-position\"", "id=\"copy-probe\"");
  }

  @Test
  void aDryRunWritesNothing() {
    Path run = directory.resolve("run");
    Cli result = TinyRecipe.train(recipe, run, "--dry-run");
    assertThat(result.exitCode()).isZero();
    assertThat(result.out()).contains("parameters");
    assertThat(run).doesNotExist();
  }

  @Test
  void anotherCorpusComesWithoutTheRecipesGlobs() throws Exception {
    Files.writeString(
        recipe,
        Files.readString(recipe)
            .replace(
                "tokenizer: bytes,", "tokenizer: bytes, include: ['*.txt'], exclude: ['File*'],"));
    Path run = directory.resolve("run");
    Cli own = TinyRecipe.train(recipe, run, "--max-steps", 1);
    assertThat(own.exitCode()).as(own.toString()).isEqualTo(2);
    Cli other =
        TinyRecipe.train(recipe, run, "--max-steps", 1, "--corpus", directory.resolve("corpus"));
    assertThat(other.exitCode()).as(other.toString()).isZero();
  }

  @Test
  void aRunInTheWayIsRefused() throws Exception {
    Path run = TinyRecipe.trained(recipe, directory.resolve("run"), 1);
    Cli again = TinyRecipe.train(recipe, run);
    assertThat(again.exitCode()).isEqualTo(2);
    assertThat(again.err().strip())
        .endsWith(
            "holds a run already: continue it with --resume, or name another directory with --out");
    Cli other = Cli.run("train", "--resume", "--out", run.toString(), "--set", "model.layers=3");
    assertThat(other.exitCode()).isEqualTo(2);
    assertThat(other.err())
        .contains("--resume needs the model of")
        .contains("start a new run to change it: model.layers=3 is not 2\n");
    Files.writeString(directory.resolve("corpus/File0.java"), "class Changed {}\n".repeat(30));
    Cli changed = Cli.run("train", "--resume", "--out", run.toString());
    assertThat(changed.exitCode()).isEqualTo(2);
    assertThat(changed.err()).contains("the corpus is not the one this run was trained on");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --max-steps 0                      | 2 | --max-steps must be positive: --max-steps=0
          --max-minutes -1                   | 2 | --max-minutes must be positive: --max-minutes=-1
          --recipe absent.yaml               | 2 | no such file or directory: absent.yaml
          --recipe quikstart                 | 2 | did you mean quickstart?
          --resume --out absent              | 2 | no run to resume in absent: it has no recipe.yaml
          --resume --recipe x.yaml           | 2 | --resume reads the run's own recipe
          --set training.window=300000000    | 2 | training.batch_tokens must be a multiple of
          --set training.steps=x             | 2 | training.steps must be a whole number of at least 1
          --corpus absent                    | 2 | absent
          --set runtime.attention_kernel=fast | 2 | runtime.attention_kernel must be one of auto, java, libtorch
          --set model.hidden=262144           | 1 | this run needs about
          """)
  void mistakesAreOneLine(String arguments, int code, String message) throws Exception {
    List<String> all = new ArrayList<>(List.of("train"));
    if (!arguments.contains("--recipe") && !arguments.contains("--resume")) {
      all.addAll(List.of("--recipe", recipe.toString()));
    }
    if (!arguments.contains("--out") && !arguments.contains("--resume")) {
      all.addAll(List.of("--out", directory.resolve("run").toString()));
    }
    all.addAll(List.of(arguments.split(" ")));
    Cli result = Cli.run(all.toArray());
    assertThat(result.exitCode()).as(result.toString()).isEqualTo(code);
    assertThat(result.err()).contains(message);
    assertThat(result.err().strip().lines()).as(result.toString()).hasSize(1);
    assertThat(directory.resolve("run")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({
    "train --set runtime.device=cuda, runtime.device",
    "bench train --set runtime.device=cuda, runtime.device",
    "bench attention --device cuda, --device",
  })
  void aGpuThatIsNotThereIsNamed(String command, String field) {
    assumeFalse(Torch.hasCuda(), "this machine has a GPU");
    Cli result = Cli.run((Object[]) command.split(" "));
    assertThat(result.exitCode()).as(result.toString()).isEqualTo(2);
    assertThat(result.err().strip())
        .isEqualTo(
            "longnet: %1$s must be cpu here, no usable GPU was found (see longnet doctor): %1$s=cuda"
                .formatted(field));
  }
}
