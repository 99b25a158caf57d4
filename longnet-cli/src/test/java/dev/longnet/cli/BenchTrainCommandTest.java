// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchTrainCommandTest {
  @TempDir static Path folder;
  private static Path recipe;

  @BeforeAll
  static void recipe() throws IOException {
    recipe = TinyRecipe.write(folder);
  }

  @Test
  void stepsStandBesideTheProducts() throws IOException {
    Path json = folder.resolve("train.json");
    Cli run =
        Cli.run(
            "bench",
            "train",
            "--recipe",
            recipe,
            "--steps",
            1,
            "--warm-up",
            0,
            "--python",
            "none",
            "--json",
            json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines()).hasSize(3);
    assertThat(run.out())
        .contains("tokens/s", "compiled", "fp32", "bf16")
        .doesNotContain("missing");
    assertThat(Cli.json(json).get("name").textValue()).isEqualTo("train");
  }

  @Test
  void aProfileSaysWhereTheTimeGoes() throws IOException {
    Path json = folder.resolve("profile.json");
    Cli run =
        Cli.run(
            "bench",
            "train",
            "--recipe",
            recipe + "," + recipe,
            "--precision",
            "fp32",
            "--steps",
            2,
            "--warm-up",
            0,
            "--profile",
            "--json",
            json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("attention", "w 16, r 1, forward", "w 64, r 4, backward", "optimizer")
        .contains("everything else");
    assertThat(run.out().lines().filter(line -> line.startsWith("tiny fp32: a step of")))
        .hasSize(2);
    assertThat(Cli.json(json).get("name").textValue()).isEqualTo("profile");
  }

  @Test
  void passesWithoutGradientsStandBesideTheProductsToo() throws IOException {
    Path json = folder.resolve("eval.json");
    Cli run =
        Cli.run("bench", "eval", "--recipe", recipe, "--passes", 2, "--warm-up", 0, "--json", json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines()).hasSize(5);
    assertThat(run.out()).contains("tokens/s", "losses", "logits", "fp32", "bf16");
    assertThat(Cli.json(json).get("name").textValue()).isEqualTo("eval");
    Cli.refused(
        "--passes must be positive: --passes=0",
        "bench",
        "eval",
        "--recipe",
        recipe,
        "--passes",
        0);
  }

  @Test
  void mistakesAreOneLine() {
    Cli.refused("--steps must be positive: --steps=0", train("--steps", "0", "--python", "none"));
    Cli.refused("--steps must be positive: --steps=0", train("--steps", "0", "--profile"));
    Cli.refused(
        "--warm-up must be from 0 to 3600 seconds: --warm-up=-1.0", train("--warm-up", "-1"));
    Cli.refused("leave out --python", train("--profile", "--python", "python3"));
    Cli.refused(
        "--python must be a Python that imports torch, or none: --python=absent-python",
        train("--python", "absent-python"));
    Cli.refused("--json", train("--profile", "--json", folder));
  }

  private static Object[] train(Object... more) {
    Object[] words = new Object[4 + more.length];
    System.arraycopy(new Object[] {"bench", "train", "--recipe", recipe}, 0, words, 0, 4);
    System.arraycopy(more, 0, words, 4, more.length);
    return words;
  }
}
