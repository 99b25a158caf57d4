// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.experiments.attention.AttentionBenchmark;
import dev.longnet.experiments.attention.BenchReport;
import dev.longnet.experiments.attention.BenchSettings;
import dev.longnet.experiments.attention.KernelBenchmark;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet bench attention`: the operator beside libtorch's attention and the PyTorch user's.
@Command(
    name = "attention",
    description =
        "Dilated attention in Java beside the PyTorch user's version and dense attention, in one run.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "All implementations are checked against a float64 oracle and one another, then timed "
          + "in alternating rounds; the table has",
      "medians. \"x ours\" is an implementation's time divided by that of the Java kernels. "
          + "The PyTorch user's version and dense",
      "attention run in a process of their own, whose environment lacks what the launcher "
          + "sets for the Java kernels. Where the shape",
      "is one that this project has set itself a goal for, the goal stands below, with what was reached.",
      "",
      "Examples:",
      "  longnet bench attention --lengths 32768",
      "  longnet bench attention --lengths 32768 --backward --json bench.json",
      "  longnet bench attention --kernels --backward",
      "  longnet bench attention --lengths 8192,131072,2097152 --growing --heads 1 --pytorch-up-to 0 --dense-up-to 0"
    })
final class BenchAttentionCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Option(
      names = "--lengths",
      split = ",",
      paramLabel = "N",
      description = "Sequence lengths (default: 8192,16384,32768).")
  List<Long> lengths = List.of(8192L, 16384L, 32768L);

  @Option(names = "--backward", description = "The backward pass instead of the forward pass.")
  boolean backward;

  @Option(
      names = "--kernels",
      description =
          "Instead, at the longest length: the Java kernels on short segments, in bfloat16, "
              + "through matrix units where there are any, in tiny calls, without SIMD.")
  boolean kernels;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description =
          "cpu, cuda or cuda:INDEX; on a GPU everything is bfloat16, ours libtorch's kernel "
              + "(default: ${DEFAULT-VALUE}).")
  String device = "cpu";

  @Option(
      names = "--batch",
      paramLabel = "B",
      description = "Sequences (default: ${DEFAULT-VALUE}).")
  int batch = 1;

  @Option(names = "--heads", paramLabel = "H", description = "Heads (default: ${DEFAULT-VALUE}).")
  int heads = 12;

  @Option(
      names = "--head-size",
      paramLabel = "D",
      description = "Head size (default: ${DEFAULT-VALUE}).")
  int headSize = 64;

  @Option(
      names = "--segment-lengths",
      split = ",",
      paramLabel = "W",
      description = "Segment length of each branch (default: 2048,4096,8192,16384,32768).")
  List<Long> segmentLengths = List.of(2048L, 4096L, 8192L, 16384L, 32768L);

  @Option(
      names = "--dilation-ratios",
      split = ",",
      paramLabel = "R",
      description = "Dilation of each branch (default: 1,2,4,6,12).")
  List<Long> dilationRatios = List.of(1L, 2L, 4L, 6L, 12L);

  @Option(
      names = "--growing",
      description = "Instead: w = 2048 and r = 1, both doubled until w reaches the length.")
  boolean growing;

  @Option(names = "--bidirectional", description = "Without the causal mask.")
  boolean bidirectional;

  @Option(
      names = "--dense-up-to",
      paramLabel = "N",
      description =
          "Longest sequence for dense attention, for it as it comes half of that (default: ${DEFAULT-VALUE}).")
  long denseUpTo = 32768;

  @Option(
      names = "--pytorch-up-to",
      paramLabel = "N",
      description = "Longest sequence for the PyTorch user's version (default: ${DEFAULT-VALUE}).")
  long pytorchUpTo = 131072;

  @Option(
      names = "--rounds",
      paramLabel = "COUNT",
      description = "Samples of everything (default: ${DEFAULT-VALUE}).")
  int rounds = 5;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description =
          "No more samples of an implementation that took longer at one length (default: ${DEFAULT-VALUE}).")
  double seconds = 15;

  @Option(
      names = "--threads",
      paramLabel = "COUNT",
      description = "Threads of all implementations (default: one a core).")
  int threads = Runtime.getRuntime().availableProcessors();

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    List<Long> measured = kernels ? List.of(Collections.max(lengths)) : lengths;
    results.check();
    if (kernels && !device.equals("cpu")) {
      throw new IllegalArgumentException("--kernels are the CPU's: --device=" + device);
    }
    ComputeOptions.requireDevice(device);
    BenchSettings settings =
        new BenchSettings(
            device,
            measured,
            batch,
            heads,
            headSize,
            branches(),
            !bidirectional,
            backward,
            denseUpTo,
            pytorchUpTo,
            rounds,
            seconds);
    AttentionOptions options = AttentionOptions.defaults().withThreads(threads);
    Consumer<String> progress = ResultOptions.progress(spec);
    PrintWriter out = spec.commandLine().getOut();
    Consumer<BenchReport> shown =
        report -> {
          out.print(report.table());
          out.flush();
        };
    results.run(
        kernels
            ? new KernelBenchmark(settings, options, progress).experiment(shown)
            : new AttentionBenchmark(settings, options, progress).experiment(shown),
        spec);
    return 0;
  }

  private List<Branch> branches() {
    List<Branch> branches = new ArrayList<>();
    if (growing) {
      return branches;
    }
    if (segmentLengths.size() != dilationRatios.size()) {
      throw new IllegalArgumentException(
          "every segment length needs one dilation: "
              + segmentLengths.size()
              + " segment lengths, "
              + dilationRatios.size()
              + " dilations");
    }
    for (int i = 0; i < segmentLengths.size(); i++) {
      branches.add(new Branch(segmentLengths.get(i), dilationRatios.get(i)));
    }
    return branches;
  }
}
