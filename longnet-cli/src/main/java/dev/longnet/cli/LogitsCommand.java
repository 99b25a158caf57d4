// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.inference.LoadedModel;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.TorchThreads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `longnet logits`: a model's scores for given tokens, for parity with other frameworks.
@Command(
    name = "logits",
    description =
        "Computes a model's logits for given tokens, for comparison with other frameworks.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "IN holds `tokens` [B, N] int64; OUT gets `logits` [B, N, V] float32: row n scores what follows token n.",
      "",
      "Example:",
      "  longnet logits runs/quickstart --tokens tokens.safetensors --out logits.safetensors"
    })
final class LogitsCommand implements Callable<Integer> {
  private static final ValueLayout.OfLong ID = ValueLayout.JAVA_LONG_UNALIGNED;

  @Parameters(paramLabel = "RUN", description = "A run or a checkpoint.")
  Path run;

  @Option(
      names = "--tokens",
      paramLabel = "IN",
      required = true,
      description = "A safetensors file.")
  Path in;

  @Option(
      names = "--out",
      paramLabel = "OUT",
      required = true,
      description = "The safetensors file to write.")
  Path out;

  @Mixin ComputeOptions compute;

  @Override
  public Integer call() throws IOException {
    Checkpoint checkpoint = Checkpoint.resolve(run);
    int vocabulary = checkpoint.model().vocabulary();
    try (SafetensorsFile file = SafetensorsFile.open(in);
        Arena arena = Arena.ofConfined()) {
      TensorEntry tokens = tokens(file, vocabulary);
      long batch = tokens.shape()[0];
      long length = tokens.shape()[1];
      MemorySegment logits = allocate(arena, batch, length, vocabulary);
      RuntimeConfig runtime = compute.runtime();
      try (LoadedModel model = LoadedModel.open(checkpoint, runtime);
          TorchThreads _ = model.decoder().threads()) {
        for (long row = 0; row < batch; row++) {
          MemorySegment ids =
              arena
                  .allocate(8 * length, 8)
                  .copyFrom(tokens.data().asSlice(8 * row * length, 8 * length));
          try (PointerScope _ = new PointerScope()) {
            Tensor input =
                TensorMemory.view(ids, ScalarType.Long, 1, length)
                    .to(new Device(runtime.device()), ScalarType.Long);
            Tensor output = model.decoder().logits(input).cpu().contiguous();
            long bytes = 4 * length * vocabulary;
            logits.asSlice(row * bytes, bytes).copyFrom(TensorMemory.of(output).asSlice(0, bytes));
          }
        }
      }
      SafetensorsWriter.write(
          out,
          Map.of(),
          List.of(
              new TensorEntry(
                  "logits", DType.F32, new long[] {batch, length, vocabulary}, logits)));
    }
    return 0;
  }

  private TensorEntry tokens(SafetensorsFile file, int vocabulary) {
    TensorEntry tokens = file.tensor("tokens");
    long[] shape = tokens.shape();
    if (tokens.type() != DType.I64 || shape.length != 2 || shape[0] < 1 || shape[1] < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: tokens must be [B, N] I64, B and N at least 1: tokens=%s %s",
              in,
              Arrays.toString(shape),
              tokens.type()));
    }
    for (long i = 0; i < shape[0] * shape[1]; i++) {
      long id = tokens.data().get(ID, 8 * i);
      if (id < 0 || id >= vocabulary) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: tokens must be in [0, %d), the model's vocabulary: tokens[%d, %d]=%d",
                in,
                vocabulary,
                i / shape[1],
                i % shape[1],
                id));
      }
    }
    return tokens;
  }

  private static MemorySegment allocate(Arena arena, long batch, long length, int vocabulary) {
    long bytes = Math.multiplyExact(Math.multiplyExact(4 * batch, length), (long) vocabulary);
    Check memory = MachineChecks.memory();
    try {
      return arena.allocate(bytes, 64);
    } catch (OutOfMemoryError e) {
      throw new EnvironmentException(
          String.format(
              Locale.ROOT,
              "the logits [%d, %d, %d] take %.1f GiB, %s: give fewer tokens",
              batch,
              length,
              vocabulary,
              bytes / (double) (1L << 30),
              memory.finding()),
          e);
    }
  }
}
