// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `longnet bench`: what is measured stands in the commands below it.
@Command(
    name = "bench",
    description = "Measures this machine: every benchmark checks its results before it times them.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "BENCHMARK",
    subcommands = {
      BenchStreamCommand.class,
      BenchInferenceCommand.class,
      BenchAttentionCommand.class,
      BenchEncodeCommand.class,
      BenchTrainCommand.class,
      BenchEvalCommand.class,
      BenchRanksCommand.class,
      BenchResultsCommand.class,
    },
    footer = {
      "",
      "Examples:",
      "  longnet bench attention --lengths 8192,32768",
      "  longnet bench train --recipe base-125m --window 8192"
    })
final class BenchCommand implements Runnable {
  @Spec CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a benchmark is missing");
  }
}
