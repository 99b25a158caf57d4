package dev.longnet.cli;

import dev.longnet.lm.config.RuntimeConfig.Precision;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.Torch;
import picocli.CommandLine.Option;

/// How a command that runs a model computes.
final class ComputeOptions {
  @Option(names = "--device", paramLabel = "NAME", description = "cpu, cuda or cuda:INDEX (default: ${DEFAULT-VALUE}).")
  String device = "cpu";

  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      description = "Of matrix products: fp32 or bf16 (default: ${DEFAULT-VALUE}).")
  Precision precision = Precision.FP32;

  @Option(names = "--threads", paramLabel = "N", description = "Threads of the CPU (default: one a core).")
  int threads;

  /// Starts libtorch with these settings.
  ModelOptions apply() {
    if (!device.matches("cpu|cuda(:[0-9]+)?")) {
      throw new IllegalArgumentException("--device must be cpu, cuda or cuda:INDEX: --device=" + device);
    }
    if (threads < 0) {
      throw new IllegalArgumentException("--threads must be positive: --threads=" + threads);
    }
    Torch.setThreads(threads);
    if (!device.equals("cpu") && !Torch.hasCuda()) {
      throw new IllegalArgumentException("--device must be cpu here, no usable GPU was found (see longnet doctor): --device=" + device);
    }
    return new ModelOptions(device, precision, false, ModelOptions.TOKEN_CHUNK, ModelOptions.LOSS_CHUNK);
  }
}
