// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.plan.Device;
import dev.longnet.core.plan.Devices;
import dev.longnet.core.plan.MeshPlan;
import dev.longnet.core.plan.Planner;
import dev.longnet.core.plan.Reliability;
import dev.longnet.experiments.ranks.CalibrationTable;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet plan`: what a run on many ranks will need and how fast it will be.
@Command(
    name = "plan",
    description =
        "Says before a run on many ranks starts what it will need and how fast it will be, meshes side by side.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Rows and operations are counted from the attention's pattern; times follow from a device's rates. "
          + "longnet bench ranks measures",
      "those of this machine. docs/plan.md says how to read a plan, and what it does not know.",
      "",
      "Examples:",
      "  longnet plan --recipe quickstart --ranks 4",
      "  longnet plan --recipe base-125m --ranks 8 --bandwidth 1Gbit/s --sequence-ranks 2,8",
      "  longnet bench ranks --json here.json && longnet plan --recipe base-125m --ranks 2 --calibration here.json",
      "  longnet plan --recipe base-2700m --ranks 1024 --device h100 --set "
          + "runtime.activation_checkpointing=true --json plan.json"
    })
final class PlanCommand implements Callable<Integer> {
  /// Meshes that are shown where nobody asks for some.
  private static final int MOST = 7;

  /// More are no plan.
  private static final int MOST_RANKS = 1 << 20;

  @Spec CommandSpec spec;

  @Option(
      names = "--recipe",
      paramLabel = "NAME|FILE",
      description = "Whose run (default: ${DEFAULT-VALUE}).")
  String recipe = "quickstart";

  @Option(
      names = "--set",
      paramLabel = "PATH=VALUE",
      description = "Changes one key of the recipe; repeatable.")
  List<String> overrides = List.of();

  @Option(
      names = "--window",
      paramLabel = "N",
      description =
          "Tokens of a window (default: the recipe's); a step then has about as many tokens as before.")
  @Nullable Integer window;

  @Option(names = "--ranks", required = true, paramLabel = "R", description = "Ranks of the run.")
  int ranks;

  @Option(
      names = "--sequence-ranks",
      split = ",",
      paramLabel = "S",
      description =
          "So many ranks share a window, each number a mesh of its own (default: up to "
              + MOST
              + " divisors of the ranks).")
  List<Integer> sequenceRanks = List.of();

  @Option(
      names = "--device",
      paramLabel = "NAME|FILE",
      description =
          "What a rank computes on: cpu, a100, h100, h200, or a file that describes it (default: ${DEFAULT-VALUE}, "
              + "this machine's).")
  String device = "cpu";

  @Option(
      names = "--bandwidth",
      paramLabel = "RATE",
      converter = Bandwidth.class,
      description =
          "What arrives at a rank from other machines: 50GB/s, 1Gbit/s (default: the device's). On CPUs each "
              + "rank then has a machine of its own.")
  @Nullable Double bandwidth;

  @Option(
      names = "--ranks-per-node",
      paramLabel = "K",
      description = "Ranks of one machine (default: 8 GPUs; all ranks of CPUs, see --bandwidth).")
  @Nullable Integer ranksPerNode;

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description = "What longnet bench ranks --json measured, instead of the device's rates.")
  @Nullable Path calibration;

  @Option(
      names = "--failures-per-rank-year",
      paramLabel = "COUNT",
      description = "Failures of one rank a year (default: 0.173, Llama 3's).")
  @Nullable Double failures;

  @Option(
      names = "--mtbf",
      paramLabel = "HOURS",
      description = "Hours between failures of the whole run, instead.")
  @Nullable Double mtbf;

  @Option(
      names = "--save-bandwidth",
      paramLabel = "RATE",
      converter = Bandwidth.class,
      description =
          "At which all ranks together write a checkpoint (default: the device's, 1GB/s).")
  @Nullable Double saveBandwidth;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Also write the plans to this file, with the device.")
  @Nullable Path json;

  @Override
  public Integer call() throws IOException {
    AtomicFiles.check("--json", json);
    check();
    RunConfig config = config();
    Device on = device(config);
    Reliability reliability =
        mtbf != null
            ? new Reliability(mtbf * 3600)
            : Reliability.of(
                ranks, failures == null ? Reliability.FAILURES_PER_RANK_YEAR : failures);
    Planner planner = new Planner(config, on, reliability);
    List<MeshPlan> plans = meshes().stream().map(planner::plan).toList();
    if (json != null) {
      PlanJson.write(json, config, on, plans);
    }
    new PlanTable(spec.commandLine().getOut(), config, on, plans).print();
    return 0;
  }

  private void check() {
    if (ranks < 1 || ranks > MOST_RANKS) {
      throw new IllegalArgumentException(
          "--ranks must be from 1 to " + MOST_RANKS + ": --ranks=" + ranks);
    }
    for (int s : sequenceRanks) {
      if (s < 1 || ranks % s != 0) {
        throw new IllegalArgumentException(
            "--sequence-ranks must divide --ranks=" + ranks + ": --sequence-ranks=" + s);
      }
    }
    if (ranksPerNode != null && ranksPerNode < 1) {
      throw new IllegalArgumentException(
          "--ranks-per-node must be positive: --ranks-per-node=" + ranksPerNode);
    }
    if (mtbf != null && failures != null) {
      throw new IllegalArgumentException(
          "--mtbf and --failures-per-rank-year say the same: leave one out");
    }
    if (mtbf != null && !(mtbf > 0)) {
      throw new IllegalArgumentException("--mtbf must be positive: --mtbf=" + mtbf);
    }
    if (failures != null && !(failures > 0)) {
      throw new IllegalArgumentException(
          "--failures-per-rank-year must be positive: --failures-per-rank-year=" + failures);
    }
  }

  private List<RankMesh> meshes() {
    return sequenceRanks.isEmpty()
        ? Planner.meshes(ranks, MOST)
        : sequenceRanks.stream().distinct().map(s -> new RankMesh(ranks, s)).toList();
  }

  private RunConfig config() throws IOException {
    RunConfig given = load(overrides);
    if (window == null) {
      return given;
    }
    long windows = Math.max(1, Math.round((double) given.training().batchTokens() / window));
    List<String> all = new ArrayList<>(overrides);
    // One window at a time; the recipe's evaluation lengths need not fit it.
    all.addAll(
        List.of(
            "training.window=" + window,
            "training.sequences=1",
            "training.batch_tokens=" + windows * window,
            "evaluation.lengths=[" + window + "]"));
    return load(all);
  }

  private RunConfig load(List<String> changes) throws IOException {
    return Recipes.load(
        recipe, new Recipes.Overrides("--set", changes), Tokenizers::vocabularySize);
  }

  private Device device(RunConfig config) throws IOException {
    int perNode = ranksPerNode != null ? ranksPerNode : 0;
    boolean named = Devices.names().contains(device);
    if (!named && !Files.isRegularFile(Path.of(device))) {
      throw new IllegalArgumentException(
          "--device must be one of "
              + String.join(", ", Devices.names())
              + " or a file that describes one: --device="
              + device);
    }
    boolean cpu = device.equals("cpu");
    if (cpu && perNode == 0) {
      perNode = bandwidth == null ? ranks : 1;
    }
    Device on =
        named
            ? Devices.of(device, config.model(), config.runtime(), ranks, perNode)
            : Device.read(Path.of(device));
    if (!named && perNode > 0) {
      on = on.withRanksPerNode(perNode);
    }
    if (calibration != null) {
      ResultTable table = TableJson.read(calibration);
      var measured = CalibrationTable.calibration(table, config.model(), config.runtime());
      double share =
          cpu ? Devices.cores(config.runtime(), perNode) / CalibrationTable.threads(table) : 1;
      on = on.measured(measured.faster(share));
    }
    if (bandwidth != null) {
      on = on.withBandwidth(bandwidth);
    }
    return saveBandwidth == null ? on : on.withSaveRate(saveBandwidth);
  }
}
