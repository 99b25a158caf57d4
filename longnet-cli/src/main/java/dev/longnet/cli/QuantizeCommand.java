// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.stream.Quantization;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet quantize`: a checkpoint with int8 weights.
@Command(
    name = "quantize",
    description =
        "Writes a model with int8 weights, a quarter of the memory, for stream and generate.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Every matrix becomes int8 with one scale a row; norms and biases stay float32.",
      "",
      "Examples:",
      "  longnet quantize runs/quickstart --out runs/quickstart-int8",
      "  longnet generate runs/quickstart-int8 --prompt 'public class '"
    })
final class QuantizeCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "A run or a checkpoint in float32.")
  Path run;

  @Option(
      names = "--out",
      paramLabel = "RUN8",
      required = true,
      description = "The checkpoint to write; must not exist.")
  Path out;

  @Override
  public Integer call() throws IOException {
    if (Files.exists(out)) {
      throw new FileAlreadyExistsException(out.toString());
    }
    Quantization.Summary summary = Quantization.quantize(Checkpoint.resolve(run), out);
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "%d matrices, %s as float32, %s as int8 (%.1f %%): %s%n",
            summary.matrices(),
            StreamDisplay.size(summary.bytesBefore()),
            StreamDisplay.size(summary.bytesAfter()),
            100.0 * summary.bytesAfter() / summary.bytesBefore(),
            out);
    spec.commandLine().getOut().flush();
    return 0;
  }
}
