// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.TableJson;
import dev.longnet.lm.attention.AttentionOperators;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The benchmark's structure and its checks, never its speeds.
class BenchAttentionCommandTest {
  @TempDir Path temporary;

  /// 100 tokens: a short last segment in every branch; 3 does not divide 32, 5 exceeds the heads.
  @ParameterizedTest
  @ValueSource(strings = {"--bidirectional", "--backward"})
  void measuresEverythingAndWritesIt(String option) throws IOException {
    Path json = temporary.resolve("bench.json");
    Cli run =
        Cli.run(
            "bench",
            "attention",
            "--lengths",
            "64,100",
            "--heads",
            "4",
            "--head-size",
            "16",
            "--segment-lengths",
            "16,32,48",
            "--dilation-ratios",
            "1,3,5",
            "--rounds",
            "1",
            "--json",
            json,
            option);
    assertThat(run.exitCode()).as(run.err()).isZero();
    ResultTable table = TableJson.read(json);
    ResultTable.Content content = table.content();
    assertThat(table.name()).isEqualTo("attention");
    assertThat(table.measured().command())
        .startsWith("longnet bench attention --lengths 64,100 --heads 4")
        .endsWith(option);
    assertThat(content.notes().getFirst())
        .startsWith(option.equals("--backward") ? "backward pass" : "forward pass");
    List<String> lengths = content.column("N");
    assertThat(
            IntStream.range(0, lengths.size())
                .mapToObj(i -> content.column("implementation").get(i) + " " + lengths.get(i)))
        .contains(
            "longnet, java 64",
            "longnet, java, right after a matrix product 100",
            "longnet, libtorch kernel 64",
            "dilated, PyTorch user, as it comes 100",
            "dilated, PyTorch user, one BLAS thread 64",
            "dense, libtorch, as it comes 64",
            "dense, libtorch, one BLAS thread 100");
    for (String column : List.of("time", "rate", "times the first", "matrix product")) {
      assertThat(DoubleStream.of(content.numbers(column))).as(column).allMatch(value -> value > 0);
    }
    assertThat(content.notes().stream().filter(note -> note.contains("to the power of")))
        .hasSize(7);
    assertThat(run.out())
        .contains("matrix product", "GFLOP/s", "N = 100", "time grows as N to the power of");
  }

  @Test
  void longestLengthsAreKept() {
    Cli run =
        Cli.run(
            "bench",
            "attention",
            "--lengths",
            "64,128",
            "--heads",
            "2",
            "--head-size",
            "8",
            "--growing",
            "--rounds",
            "1",
            "--dense-up-to",
            "64",
            "--pytorch-up-to",
            "0");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines().filter(line -> line.contains("dense, libtorch"))).hasSize(1);
    assertThat(run.out()).doesNotContain("dilated, PyTorch user");
  }

  /// Every kind of call, and the goals beside what was reached: whether they are met depends on the
  /// machine.
  @ParameterizedTest
  @ValueSource(strings = "--backward")
  void kernelsAreMeasuredAmongThemselves(String option) throws IOException {
    Path json = temporary.resolve("bench.json");
    Cli run =
        Cli.run(
            "bench",
            "attention",
            "--kernels",
            "--lengths",
            "64,300",
            "--heads",
            "2",
            "--head-size",
            "16",
            option,
            "--segment-lengths",
            "16,32",
            "--dilation-ratios",
            "1,3",
            "--rounds",
            "1",
            "--seconds",
            "0.2",
            "--json",
            json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    ResultTable.Content content = TableJson.read(json).content();
    // Matrix units: all branches, and the segments of 256 and 64 that go through them.
    int units =
        AttentionOperators.bfloatProducts()
            .map(products -> products.leastKeys() > 64 ? 2 : 3)
            .orElse(0);
    assertThat(content.rows()).hasSize(9 + units);
    assertThat(content.column("N")).containsOnly("300");
    assertThat(DoubleStream.of(content.numbers("rate"))).allMatch(rate -> rate > 0);
    assertThat(content.notes().stream().filter(note -> note.startsWith("Goal: "))).hasSize(5);
    assertThat(run.out()).contains("segments of 256", "goals", "scalar twin, speed against SIMD");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--lengths=0 | lengths must be positive, one or more: lengths=[0]",
        "--segment-lengths=8 | every segment length needs one dilation: 1 segment lengths, 5 dilations",
        "--rounds=0 | rounds and seconds must be positive: rounds=0, seconds=15.0",
        "--heads=0 | batch, heads and head size must be positive: batch=1, heads=0, headSize=64",
        "--threads=0 | threads must be positive: threads=0",
      })
  void mistakesAreOneLine(String option, String message) {
    Cli run = Cli.run("bench", "attention", option);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).isEqualTo("longnet: " + message + "\n");
  }
}
