// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.AttentionChoice;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.lm.torch.Torch;
import picocli.CommandLine.Option;

/// How a command that runs a model computes.
final class ComputeOptions {
  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "cpu, cuda or cuda:INDEX (default: ${DEFAULT-VALUE}).")
  String device = "cpu";

  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      description = "Of matrix products: fp32 or bf16 (default: ${DEFAULT-VALUE}).")
  Precision precision = Precision.FP32;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of the CPU (default: one a core).")
  int threads;

  @Option(
      names = "--attention",
      paramLabel = "KERNEL",
      description =
          "auto, java or libtorch; a forced one never falls back (default: ${DEFAULT-VALUE}).")
  AttentionChoice attention = AttentionChoice.AUTO;

  /// @throws IllegalArgumentException when this machine can't compute so
  RuntimeConfig runtime() {
    requireDevice(device);
    if (threads < 0) {
      throw new IllegalArgumentException("--threads must be positive: --threads=" + threads);
    }
    return RuntimeConfig.of(device, precision, threads, attention, false);
  }

  /// @throws IllegalArgumentException when `--device` is no device, or none of this machine's
  static void requireDevice(String device) {
    if (!device.matches("cpu|cuda(:[0-9]+)?")) {
      throw new IllegalArgumentException(
          "--device must be cpu, cuda or cuda:INDEX: --device=" + device);
    }
    Torch.requireDevice("--device", device);
  }
}
