// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Npy;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.weights.EncoderCheckpoint;
import dev.longnet.lm.inference.EmbeddingInput;
import dev.longnet.lm.inference.Encoding;
import dev.longnet.lm.inference.Encoding.Output;
import dev.longnet.lm.inference.Encoding.Pooling;
import dev.longnet.lm.inference.LoadedEncoder;
import dev.longnet.lm.inference.LoadedModel;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet encode`: embeddings through a bidirectional encoder.
@Command(
    name = "encode",
    description = "Encodes sequences of embeddings (or tokens) with a bidirectional encoder.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "IN is a safetensors file with embeddings [B, N, W] or tokens [B, N], and optionally padding_mask [B, N]",
      "(non-zero: padding) or lengths [B], and coords [B, N, 2]; or a .npy file with the embeddings.",
      "OUT gets float32 tensors: hidden [B, N, C], pooled [B, C], pooled_layers [B, L+1, C], logits [B, classes].",
      "",
      "Example:",
      "  longnet encode runs/gigapath --input tiles.safetensors --out slide.safetensors --outputs pooled"
    })
final class EncodeCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "An imported encoder.")
  Path run;

  @Option(
      names = "--input",
      paramLabel = "IN",
      required = true,
      description = "A safetensors or .npy file.")
  Path in;

  @Option(
      names = "--mask",
      paramLabel = "F",
      description = "padding_mask [B, N] in a file of its own (.npy or safetensors).")
  @Nullable Path mask;

  @Option(
      names = "--coords",
      paramLabel = "F",
      description = "coords [B, N, 2] in a file of its own, in pixels.")
  @Nullable Path coordinates;

  @Option(
      names = "--out",
      paramLabel = "OUT",
      required = true,
      description = "The safetensors file to write, or, for a single output, a .npy file.")
  Path out;

  @Option(
      names = "--outputs",
      paramLabel = "NAME",
      split = ",",
      description =
          "hidden, pooled, layers, logits (default: hidden,pooled, and logits where there is a head).")
  @Nullable List<Output> outputs;

  @Option(
      names = "--pool",
      paramLabel = "HOW",
      description = "mean or class (default: class where there is a class token).")
  @Nullable Pooling pooling;

  @Option(
      names = "--segment-lengths",
      paramLabel = "LIST",
      description =
          "In place of the encoder's own: 1024,4096,… or geometric:FIRST, which follows N.")
  @Nullable String segmentLengths;

  @Option(
      names = "--dilations",
      paramLabel = "LIST",
      split = ",",
      description = "In place of the encoder's own.")
  @Nullable List<Long> dilations;

  @Option(
      names = "--torchscale-zero-padded-keys",
      description = "Compatibility: pad as torchscale does, see import torchscale --help.")
  boolean zeroPaddedKeys;

  @Mixin ComputeOptions compute;

  @Override
  public Integer call() throws IOException {
    RuntimeConfig runtime = compute.runtime();
    checkDestination();
    boolean embeddings = EncoderCheckpoint.isAt(run);
    try (EmbeddingInput input =
            EmbeddingInput.open(in, Optional.ofNullable(mask), Optional.ofNullable(coordinates));
        PointerScope _ = new PointerScope()) {
      long start = System.nanoTime();
      Map<String, Tensor> results =
          embeddings ? embeddings(input, runtime) : tokens(input, runtime);
      double seconds = (System.nanoTime() - start) * 1e-9;
      write(results);
      PrintWriter output = spec.commandLine().getOut();
      output.printf(
          Locale.ROOT,
          "%s: %d x %,d positions in %.1f s, %,.0f a second%n",
          out,
          input.batch(),
          input.length(),
          seconds,
          input.batch() * input.length() / seconds);
    }
    return 0;
  }

  /// Hours of work must not end in a destination that can't be.
  private void checkDestination() throws IOException {
    AtomicFiles.check("--out", out);
    for (Path given : new Path[] {in, mask, coordinates}) {
      if (given != null
          && Files.exists(given)
          && Files.exists(out)
          && Files.isSameFile(given, out)) {
        throw new IllegalArgumentException("--out must not replace what is read: --out=" + out);
      }
    }
  }

  private Map<String, Tensor> embeddings(EmbeddingInput input, RuntimeConfig runtime)
      throws IOException {
    EncoderCheckpoint checkpoint = EncoderCheckpoint.open(run);
    EncoderConfig config = configured(checkpoint.config());
    Set<Output> wanted = wanted(config.classes().isPresent());
    Pooling how = pooling != null ? pooling : config.classToken() ? Pooling.CLASS : Pooling.MEAN;
    try (Encoder encoder = LoadedEncoder.open(checkpoint, config, runtime)) {
      return Encoding.run(encoder, input, how, wanted, progress(input.batch() * config.layers()));
    }
  }

  private Map<String, Tensor> tokens(EmbeddingInput input, RuntimeConfig runtime)
      throws IOException {
    Checkpoint checkpoint = Checkpoint.resolve(run);
    if (segmentLengths != null || dilations != null || zeroPaddedKeys) {
      throw new IllegalArgumentException(
          "--segment-lengths, --dilations and --torchscale-zero-padded-keys are for encoders "
              + "of embeddings; an encoder of tokens has them in its config.json");
    }
    if (pooling == Pooling.CLASS) {
      throw new IllegalArgumentException(
          "--pool=class needs an encoder with a class token (cls_token)");
    }
    try (LoadedModel model = LoadedModel.open(checkpoint, runtime)) {
      return Encoding.run(
          model.decoder(),
          input,
          wanted(false),
          progress(input.batch() * checkpoint.model().layers()));
    }
  }

  private EncoderConfig configured(EncoderConfig config) {
    EncoderConfig result = zeroPaddedKeys ? config.withZeroPaddedKeys(true) : config;
    if (segmentLengths == null && dilations == null) {
      return result;
    }
    List<Long> ratios = dilations == null ? config.dilations() : dilations;
    SegmentLengths lengths = config.segmentLengths();
    if (segmentLengths != null && segmentLengths.startsWith("geometric:")) {
      lengths = new SegmentLengths.Geometric(number(segmentLengths.substring(10)), ratios.size());
    } else if (segmentLengths != null) {
      lengths =
          new SegmentLengths.Fixed(
              Stream.of(segmentLengths.split(",")).map(EncodeCommand::number).toList());
    }
    return result.withSegments(lengths, ratios);
  }

  private static long number(String text) {
    if (!text.strip().matches("[1-9][0-9]{0,17}")) {
      throw new IllegalArgumentException(
          "--segment-lengths must be 1024,4096,… or geometric:1024: " + text);
    }
    return Long.parseLong(text.strip());
  }

  private Set<Output> wanted(boolean head) {
    Set<Output> wanted =
        outputs != null
            ? EnumSet.copyOf(outputs)
            : head
                ? EnumSet.of(Output.HIDDEN, Output.POOLED, Output.LOGITS)
                : EnumSet.of(Output.HIDDEN, Output.POOLED);
    if (out.toString().endsWith(".npy") && wanted.size() != 1) {
      throw new IllegalArgumentException(
          "a .npy file holds one array: name one with --outputs, as --outputs=pooled");
    }
    return wanted;
  }

  private LongConsumer progress(long all) {
    boolean terminal = System.console() != null && System.console().isTerminal();
    PrintWriter err = spec.commandLine().getErr();
    long start = System.nanoTime();
    return done -> {
      if (terminal) {
        double seconds = (System.nanoTime() - start) * 1e-9;
        err.printf(
            Locale.ROOT,
            "\rlayer %d of %d, %.0f s, %.0f s to go %s",
            done,
            all,
            seconds,
            seconds / done * (all - done),
            done == all ? System.lineSeparator() : "");
        err.flush();
      }
    };
  }

  private void write(Map<String, Tensor> results) throws IOException {
    List<TensorEntry> entries = new ArrayList<>();
    results.forEach((name, tensor) -> entries.add(TensorMemory.entry(name, tensor)));
    if (out.toString().endsWith(".npy")) {
      Npy.write(out, entries.getFirst());
    } else {
      SafetensorsWriter.write(out, Map.of(), entries);
    }
  }
}
