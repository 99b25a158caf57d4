package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.lm.attention.AttentionOperators;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.StreamSupport;
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
  @ValueSource(strings = {"", "--backward", "--bidirectional"})
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
            option.isEmpty() ? "--threads=2" : option);
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode tree = new ObjectMapper().readTree(json.toFile());
    assertThat(tree.get("pass").asText())
        .isEqualTo(option.equals("--backward") ? "backward" : "forward");
    assertThat(tree.get("matrix_product_gflops").asDouble()).isPositive();
    assertThat(
            StreamSupport.stream(tree.get("results").spliterator(), false)
                .map(r -> r.get("name").asText() + " " + r.get("tokens")))
        .contains(
            "longnet, java 64",
            "longnet, java, right after a matrix product 100",
            "longnet, libtorch kernel 64",
            "dilated, PyTorch user, as it comes 100",
            "dilated, PyTorch user, one BLAS thread 64",
            "dense, libtorch, as it comes 64",
            "dense, libtorch, one BLAS thread 100");
    for (JsonNode result : tree.get("results")) {
      assertThat(result.get("seconds").asDouble()).isPositive();
      assertThat(result.get("gflops").asDouble()).isPositive();
      assertThat(result.get("times_ours").asDouble()).isPositive();
    }
    assertThat(tree.get("exponents").size()).isEqualTo(7);
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
  @ValueSource(strings = {"--threads=2", "--backward"})
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
    JsonNode tree = new ObjectMapper().readTree(json.toFile());
    assertThat(tree.get("results").size())
        .isEqualTo(AttentionOperators.bfloatProducts().isPresent() ? 12 : 9);
    for (JsonNode result : tree.get("results")) {
      assertThat(result.get("tokens").asLong()).isEqualTo(300);
      assertThat(result.get("gflops").asDouble()).isPositive();
    }
    assertThat(tree.get("goals").size()).isEqualTo(5);
    for (JsonNode goal : tree.get("goals")) {
      assertThat(goal.get("reached").asDouble()).isPositive();
      assertThat(goal.get("met").asBoolean())
          .isEqualTo(goal.get("reached").asDouble() >= goal.get("at_least").asDouble());
    }
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
