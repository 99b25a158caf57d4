// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.weights.HubImport;
import dev.longnet.core.weights.TorchscaleImport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet import`: weights of other frameworks as runs.
@Command(
    name = "import",
    description = "Takes over weights of other frameworks.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "FRAMEWORK",
    subcommands = {ImportCommand.Torchscale.class, ImportCommand.Hub.class},
    footer = {
      "",
      "Examples:",
      "  longnet import torchscale model.safetensors --out runs/imported",
      "  longnet import hub quickstart-hub --out runs/imported"
    })
final class ImportCommand implements Runnable {
  @Spec CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "name the framework: torchscale or hub");
  }

  private static void say(CommandSpec spec, Path out, TorchscaleImport.Result result) {
    PrintWriter output = spec.commandLine().getOut();
    output.printf(
        Locale.ROOT,
        "%s: %s, %,d parameters in %d tensors%n",
        out,
        result.kind(),
        result.parameters(),
        result.tensors());
    if (!result.kept().isEmpty()) {
      spec.commandLine()
          .getErr()
          .printf(
              Locale.ROOT,
              "longnet: kept for export but not computed with: %s%n",
              String.join(", ", result.kept()));
    }
  }

  /// `longnet import hub`
  @Command(
      name = "hub",
      description = "Imports a directory that `longnet export --to hub` wrote.",
      mixinStandardHelpOptions = true,
      footer = {
        "",
        "DIR holds config.json (model_type longnet), model.safetensors or its shards, and tokenizer.json.",
        "Keys and texts that mean nothing here are carried along to the next export.",
        "",
        "Example:",
        "  longnet import hub quickstart-hub --out runs/imported"
      })
  static final class Hub implements Callable<Integer> {
    @Spec CommandSpec spec;

    @Parameters(paramLabel = "DIR", description = "The directory.")
    Path directory;

    @Option(
        names = "--out",
        paramLabel = "RUN",
        required = true,
        description = "The directory to make; must not exist.")
    Path out;

    @Override
    public Integer call() throws IOException {
      say(spec, out, HubImport.run(directory, out));
      return 0;
    }
  }

  /// `longnet import torchscale`
  @Command(
      name = "torchscale",
      description =
          "Imports a decoder or encoder of Microsoft's torchscale (LongNet, LongViT, Prov-GigaPath).",
      mixinStandardHelpOptions = true,
      footer = {
        "",
        "FILE is a safetensors file, a sharded model's directory or *.index.json, or a "
            + "PyTorch zip file (.pt, .pth, .bin);",
        "nothing in it is executed. Tensors keep their types and bits.",
        "",
        "Examples:",
        "  longnet import torchscale model.safetensors --out runs/imported",
        "  longnet import torchscale slide_encoder.pth --config gigapath.json --out runs/gigapath"
      })
  static final class Torchscale implements Callable<Integer> {
    @Spec CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "The weights.")
    Path file;

    @Option(
        names = "--out",
        paramLabel = "RUN",
        required = true,
        description = "The directory to make; must not exist.")
    Path out;

    @Option(
        names = "--config",
        paramLabel = "JSON",
        description =
            "File with torchscale's keyword arguments (default: the metadata key config of the weights).")
    @Nullable Path config;

    @Option(
        names = "--prefix",
        paramLabel = "TEXT",
        description =
            "What stands before layers.0.self_attn.q_proj.weight (default: found; model. wins).")
    @Nullable String prefix;

    @Option(
        names = "--tokenizer",
        paramLabel = "NAME",
        description =
            "Whose ids the model knows: bytes, cl100k_base, … (default: none; eval and generate need one).")
    @Nullable String tokenizer;

    @Option(
        names = "--trained-length",
        paramLabel = "N",
        description = "Tokens of a training sequence (default: the longest segment).")
    @Nullable Integer trainedLength;

    @Option(
        names = "--torchscale-zero-padded-keys",
        description = {
          "Compatibility: compute as torchscale does where it pads a bidirectional sequence, with zero keys that take",
          "part in the softmax. For encoders whose users rely on its outputs at lengths that segments do not divide."
        })
    boolean zeroPaddedKeys;

    @Override
    public Integer call() throws IOException {
      if (trainedLength != null && trainedLength < 1) {
        throw new IllegalArgumentException(
            "--trained-length must be positive: --trained-length=" + trainedLength);
      }
      TorchscaleImport.Result result =
          TorchscaleImport.run(
              file,
              out,
              new TorchscaleImport.Options(
                  Optional.ofNullable(config),
                  Optional.ofNullable(prefix),
                  Optional.ofNullable(tokenizer),
                  Optional.ofNullable(trainedLength),
                  zeroPaddedKeys));
      say(spec, out, result);
      return 0;
    }
  }
}
