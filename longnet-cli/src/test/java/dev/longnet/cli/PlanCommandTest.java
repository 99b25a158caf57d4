// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlanCommandTest {
  @TempDir Path folder;

  @Test
  void showsMeshesSideBySideAndKeepsThem() throws Exception {
    Path json = folder.resolve("plan.json");
    Cli run =
        Cli.run(
            "plan",
            "--recipe",
            "base-125m",
            "--ranks",
            8,
            "--sequence-ranks",
            "2,8",
            "--bandwidth",
            "1Gbit/s",
            "--mtbf",
            7.9,
            "--json",
            json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("4 x 2", "1 x 8", "125 MB/s between machines", "uncertainty", "save every");
    assertThat(run.out()).doesNotContain("2 x 4");
    JsonNode plans = Cli.json(json).get("plans");
    assertThat(plans).hasSize(2);
    JsonNode all = plans.get(1);
    assertThat(all.get("mesh").get("sequence_ranks").asInt()).isEqualTo(8);
    assertThat(all.get("tokens").asLong()).isEqualTo(4096);
    // bfloat16: half of 33.5 MB, less what two branches want of one row.
    assertThat(all.get("exchange").get("forward_bytes").asDouble()).isBetween(11e6, 16.8e6);
    assertThat(all.get("time").get("balance").asDouble()).isCloseTo(1.059, within(0.001));
    double save = all.get("checkpoints").get("save_seconds").asDouble();
    assertThat(all.get("checkpoints").get("interval").asDouble())
        .isCloseTo(Math.sqrt(2 * save * 7.9 * 3600), within(1e-6));
    assertThat(all.get("time").get("slowest").asDouble())
        .isGreaterThan(all.get("time").get("seconds").asDouble());
  }

  @Test
  void saysWhatCannotBe() {
    Cli run = Cli.run("plan", "--recipe", "base-2700m", "--ranks", 256, "--device", "h100");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("256 x 1 can't be: ")
        .contains("more groups than windows: 256 groups share out the 128 windows of a step");
  }

  @Test
  void aLongerWindowKeepsTheTokensOfAStep() {
    Cli run =
        Cli.run(
            "plan", "--recipe", "quickstart", "--ranks", 2, "--window", 8192, "--device", "h200");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("windows of 8,192 tokens");
  }

  /// A calibration's rates are those of the plan.
  @Test
  void takesWhatWasMeasured() throws Exception {
    Path file = folder.resolve("here.json");
    Files.writeString(
        file,
        """
        {"schema": 1, "name": "ranks", "claim": "", "measured": {"date": "2026-11-30"},
         "columns": [{"name": "what"}, {"name": "size", "type": "integer"},
                     {"name": "value", "type": "number"}, {"name": "unit"},
                     {"name": "spread", "type": "number"}],
         "rows": [["threads", 1, 1, "", 1], ["matrix products", 1024, 9e10, "FLOP/s", 1],
                  ["model products", 256, 4e10, "FLOP/s", 1.1],
                  ["fold forward", 2048, 8e10, "FLOP/s", 1],
                  ["fold backward", 2048, 7e10, "FLOP/s", 1],
                  ["exchange", 65536, 1e-4, "s", 1.2], ["exchange", 67108864, 0.0336, "s", 1]],
         "notes": []}
        """);
    Path json = folder.resolve("plan.json");
    Cli run =
        Cli.run(
            "plan",
            "--recipe",
            "hidden-256",
            "--ranks",
            2,
            "--device",
            "h100",
            "--calibration",
            file,
            "--json",
            json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode device = Cli.json(json).get("device");
    assertThat(device.get("rates").get("tokenwise").asDouble()).isEqualTo(4e10);
    assertThat(device.get("rates").get("folds").get(0).get("backward").asDouble()).isEqualTo(7e10);
    assertThat(device.get("near").get("bytes_per_second").asDouble()).isCloseTo(2e9, within(1e7));
    assertThat(device.get("doubt").asDouble()).isCloseTo(1.15 * 1.2, within(1e-9));
    Files.writeString(file, Files.readString(file).replace("\"ranks\"", "\"train\""));
    Cli.refused("longnet bench ranks", "plan", "--ranks", 2, "--calibration", file);
    Files.writeString(
        file,
        """
        {"schema": 1, "name": "ranks", "claim": "", "measured": {"date": "2026-11-30"},
         "columns": [{"name": "mesh"}], "rows": [["2x1"]], "notes": []}
        """);
    Cli.refused("longnet bench ranks", "plan", "--ranks", 2, "--calibration", file);
  }

  @Test
  void refusesDamagedDescriptionsOfADevice() throws Exception {
    Path file = folder.resolve("device.yaml");
    Files.writeString(file, "name: mine\nfolds: [{rows: 2048, forward: 2e14");
    Cli.refused("device.yaml line 2: ", "plan", "--ranks", 8, "--device", file);
    Files.writeString(file, "2e14");
    Cli.refused("must hold sections of keys", "plan", "--ranks", 8, "--device", file);
  }

  @Test
  void refusesWhatMeansNothing() {
    Cli.refused(
        "--sequence-ranks must divide --ranks=8", "plan", "--ranks", 8, "--sequence-ranks", 3);
    Cli.refused("--device must be one of cpu", "plan", "--ranks", 8, "--device", "h1000");
    Cli.refused("is not a bandwidth", "plan", "--ranks", 8, "--bandwidth", "fast");
    Cli.refused("--ranks must be from 1", "plan", "--ranks", 0);
    Cli.refused("--ranks", "plan");
    Cli.refused("leave one out", "plan", "--ranks", 8, "--mtbf", 1, "--failures-per-rank-year", 1);
    Cli.refused("--ranks-per-node", "plan", "--ranks", 8, "--ranks-per-node", 0);
  }

  @Test
  void readsBandwidths() {
    Bandwidth bandwidth = new Bandwidth();
    assertThat(bandwidth.convert("50")).isEqualTo(50e9);
    assertThat(bandwidth.convert("1Gbit/s")).isEqualTo(125e6);
    assertThat(bandwidth.convert("25 MB/s")).isEqualTo(25e6);
    assertThat(bandwidth.convert("8bit/s")).isEqualTo(1);
  }

  @Test
  void timesAreShortTexts() {
    assertThat(PlanTable.seconds(0)).isEqualTo("0 s");
    assertThat(PlanTable.seconds(0.0032)).isEqualTo("3.20 ms");
    assertThat(PlanTable.seconds(232e-6)).isEqualTo("232 µs");
    assertThat(PlanTable.seconds(41)).isEqualTo("41.0 s");
    assertThat(PlanTable.seconds(7.9 * 3600)).isEqualTo("7.90 h");
    assertThat(PlanTable.seconds(86_400 * 264.0)).isEqualTo("264 days");
  }
}
