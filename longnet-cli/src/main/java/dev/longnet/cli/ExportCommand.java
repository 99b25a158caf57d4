// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.DType;
import dev.longnet.core.weights.WeightsExport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet export`: a run's weights for other frameworks.
@Command(
    name = "export",
    description = "Writes a model's weights for other frameworks.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "torchscale: its state dict under model. with its keyword arguments as metadata; "
          + "safetensors: the parameters alone;",
      "hub: a directory as Hugging Face's Hub has them, with configuration, tokenizer and model card.",
      "",
      "Examples:",
      "  longnet export runs/mine --to torchscale --out model.safetensors",
      "  longnet export runs/big --to safetensors --dtype bf16 --shard-size 5GB --out big",
      "  longnet export runs/quickstart --to hub --license apache-2.0 --out quickstart-hub"
    })
final class ExportCommand implements Callable<Integer> {
  /// Types a floating tensor can have in a file.
  enum Type {
    F32,
    F16,
    BF16
  }

  @Spec CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "A run or a checkpoint.")
  Path run;

  @Option(
      names = "--to",
      paramLabel = "FORMAT",
      required = true,
      description = "torchscale, safetensors or hub.")
  WeightsExport.Target target;

  @Option(
      names = "--out",
      paramLabel = "PATH",
      required = true,
      description =
          "A file *.safetensors; with --shard-size or --to hub a directory. Must not exist.")
  Path out;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description = "f32, f16 or bf16 (default: as the run has them).")
  @Nullable Type type;

  @Option(
      names = "--shard-size",
      paramLabel = "SIZE",
      converter = Bytes.class,
      description = "Largest file, as 5GB: writes model-00001-of-0000N.safetensors and an index.")
  @Nullable Long shardSize;

  @Option(
      names = "--language",
      paramLabel = "CODE",
      split = ",",
      description = "With --to hub: languages of the texts, for the model card, as en,de.")
  List<String> languages = List.of();

  @Option(
      names = "--license",
      paramLabel = "ID",
      description = "With --to hub: the weights' licence, for the model card, as apache-2.0.")
  @Nullable String license;

  @Override
  public Integer call() throws IOException {
    if (shardSize != null && shardSize < 1) {
      throw new IllegalArgumentException(
          "--shard-size must be positive: --shard-size=" + shardSize);
    }
    if (shardSize == null
        && target != WeightsExport.Target.HUB
        && !out.toString().endsWith(".safetensors")) {
      throw new IllegalArgumentException(
          "--out must end with .safetensors where there is no --shard-size: --out=" + out);
    }
    int tensors =
        WeightsExport.run(
            run,
            out,
            new WeightsExport.Options(
                target,
                Optional.ofNullable(type).map(t -> DType.valueOf(t.name())),
                shardSize == null ? OptionalLong.empty() : OptionalLong.of(shardSize),
                languages,
                Optional.ofNullable(license)));
    spec.commandLine().getOut().printf(Locale.ROOT, "%s: %d tensors%n", out, tensors);
    return 0;
  }
}
