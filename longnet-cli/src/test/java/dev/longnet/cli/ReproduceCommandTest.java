// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReproduceCommandTest {
  @TempDir Path folder;

  @Test
  void thePlanComesFirst() {
    Path out = folder.resolve("out");
    Cli run =
        Cli.run(
            "reproduce",
            "table2",
            "figure7b",
            "--scale",
            "quick",
            "--seeds",
            1,
            "--out",
            out,
            "--dry-run");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("table2     dense-64            1      0.1 M")
        .contains("figure7b   ours-1k             1")
        .contains("11 runs, 0 of them done; what is left takes about");
    assertThat(out).doesNotExist();
  }

  /// The command of a plan of table 2.
  private Object[] planOf(String only) {
    Path out = folder.resolve("out");
    return new Object[] {
      "reproduce", "table2", "--scale", "quick", "--out", out, "--dry-run", "--only", only
    };
  }

  @Test
  void machinesShareAPlanOut() {
    Cli run = Cli.run(planOf("dense-64-seed3,ours-1k"));
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines().filter(line -> line.startsWith("table2   ")).skip(1))
        .extracting(line -> line.replaceAll(" +", " ").replaceAll("( [0-9]) .*", "$1"))
        .containsExactly(
            "table2 ours-1k 1", "table2 ours-1k 2", "table2 dense-64 3", "table2 ours-1k 3");
    assertThat(run.out()).contains("4 runs, 0 of them done");
    Cli.refused(
        "--only=ours-9k must name rows of the plan, or runs as ROW-seedN: there are dense-64, ours-1k",
        planOf("ours-9k"));
    Cli.refused(
        "--only=ours-1k-seed4 must name a seed of the plan: ours-1k has 1, 2, 3",
        planOf("ours-1k-seed4"));
  }

  @Test
  void mistakesAreOneLine() {
    Cli.refused("no experiment of that name, there are table2, ", "reproduce", "table3");
    Cli.refused("seeds must be at least 1: ", "reproduce", "--seeds", 0);
    Cli.refused("--scale", "reproduce", "--scale", "huge");
  }

  @Test
  void genomesAreTheUsersToBring() throws IOException {
    Cli.refused("dna needs --corpus: aligned genomes as FASTA", "reproduce", "dna", "--dry-run");
    Path out = folder.resolve("out");
    Cli all = Cli.run("reproduce", "--scale", "quick", "--out", out, "--dry-run");
    assertThat(all.exitCode()).as(all.err()).isZero();
    assertThat(all.out()).contains("left out: dna needs --corpus: ").contains("recall     ours ");
    Path missing = folder.resolve("missing.fa");
    Cli.refused(
        "no such file or directory: " + missing, "reproduce", "--dry-run", "--corpus", missing);
    Path text = Files.writeString(folder.resolve("notes.txt"), "ACGT\n");
    Cli.refused("--corpus must name FASTA", "reproduce", "dna", "--dry-run", "--corpus", text);
    Path fasta = Files.writeString(folder.resolve("apes.fa"), ">block1\nACGT\n");
    Cli named =
        Cli.run(
            "reproduce", "dna", "--scale", "quick", "--corpus", fasta, "--out", out, "--dry-run");
    assertThat(named.out()).contains("3 runs, 0 of them done").doesNotContain("left out");
    Cli tables = Cli.run("reproduce", "dna", "--scale", "quick", "--out", out, "--tables");
    assertThat(tables.exitCode()).as(tables.err()).isZero();
    assertThat(out.resolve("quick/tables/dna.md")).content().contains("| dense-128 |");
  }

  @Test
  void thePapersOwnScaleNeedsAGpu() {
    Assumptions.assumeFalse(Torch.hasCuda());
    Path out = folder.resolve("out");
    Cli run = Cli.run("reproduce", "table2", "--scale", "gpu", "--seeds", 1, "--out", out);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("no usable GPU was found");
    assertThat(run.out()).contains("11 runs, 0 of them done").contains("hours of one H100");
    assertThat(out).doesNotExist();
  }
}
