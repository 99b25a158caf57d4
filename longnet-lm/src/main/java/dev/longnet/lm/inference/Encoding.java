// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.config.EncoderConfig.InputPositions;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A ragged batch through an encoder. Every sequence runs on its own over its real positions alone:
/// padding is not there to be attended to, so results do not depend on how long others of the batch
/// are.
public final class Encoding {
  /// Rows read from the input at a time.
  private static final long CHUNK = 4096;

  /// How a sequence becomes one vector.
  public enum Pooling {
    /// The mean of its positions, the class token not among them.
    MEAN,
    /// The class token's output.
    CLASS
  }

  /// What is asked for.
  public enum Output {
    /// `hidden` [B, N, C]: every position's last state, 0 at padding
    HIDDEN,
    /// `pooled` [B, C], after the encoder's norm for it
    POOLED,
    /// `pooled_layers` [B, L + 1, C]: as `pooled`, of the first layer's input and of every layer's
    /// output
    LAYERS,
    /// `logits` [B, classes]: the head's scores of `pooled`
    LOGITS
  }

  private final EmbeddingInput input;
  private final Pooling pooling;
  private final Set<Output> outputs;
  private final LongConsumer progress;
  private final Map<String, Tensor> results = new LinkedHashMap<>();

  private Encoding(
      EmbeddingInput input, Pooling pooling, Set<Output> outputs, LongConsumer progress) {
    this.input = input;
    this.pooling = pooling;
    this.outputs = EnumSet.copyOf(outputs);
    this.progress = progress;
  }

  /// @param progress called with the number of layers done of all B L
  /// @return float32 CPU tensors by name, the caller's scope's
  /// @throws IllegalArgumentException where the input does not fit the encoder
  public static Map<String, Tensor> run(
      Encoder encoder,
      EmbeddingInput input,
      Pooling pooling,
      Set<Output> outputs,
      LongConsumer progress) {
    check(encoder, input, pooling, outputs);
    Encoding encoding = new Encoding(input, pooling, outputs, progress);
    encoding.allocate(
        encoder.config().hidden(),
        encoder.config().layers() + 1,
        encoder.config().classes().orElse(0));
    try (TorchThreads _ = Torch.threads(encoder.options().threads())) {
      for (long b = 0; b < input.batch(); b++) {
        try (PointerScope _ = new PointerScope()) {
          encoding.sequence(encoder, b);
        }
      }
    }
    return encoding.results;
  }

  /// Through an encoder with token embeddings, which takes vectors too.
  public static Map<String, Tensor> run(
      Decoder model, EmbeddingInput input, Set<Output> outputs, LongConsumer progress) {
    if (model.config().causal()) {
      throw new IllegalArgumentException(
          "this model is a decoder (causal=true); encode needs an encoder");
    }
    if (outputs.contains(Output.LAYERS) || outputs.contains(Output.LOGITS)) {
      throw new IllegalArgumentException("an encoder of tokens gives hidden and pooled only");
    }
    if (!input.isTokens() && input.width() != model.config().hidden()) {
      throw wrongWidth(input, model.config().hidden());
    }
    Encoding encoding = new Encoding(input, Pooling.MEAN, outputs, progress);
    encoding.allocate(model.config().hidden(), 0, 0);
    try (TorchThreads _ = Torch.threads(model.options().threads())) {
      for (long b = 0; b < input.batch(); b++) {
        try (PointerScope _ = new PointerScope()) {
          encoding.sequence(model, b);
        }
      }
    }
    return encoding.results;
  }

  private static IllegalArgumentException wrongWidth(EmbeddingInput input, int width) {
    return new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "%s: vectors must be %d wide for this encoder: width=%d",
            input.source(),
            width,
            input.width()));
  }

  private static void check(
      Encoder encoder, EmbeddingInput input, Pooling pooling, Set<Output> outputs) {
    if (input.isTokens()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: this encoder takes embeddings [B, N, %d], it has no vocabulary",
              input.source(),
              encoder.inputWidth()));
    }
    if (input.width() != encoder.inputWidth()) {
      throw wrongWidth(input, encoder.inputWidth());
    }
    if (pooling == Pooling.CLASS && encoder.classRows() == 0) {
      throw new FieldException(
          "%s needs an encoder with a class token (cls_token)", Field.of("pooling", "class"));
    }
    if (outputs.contains(Output.LOGITS) && encoder.config().classes().isEmpty()) {
      throw new FieldException(
          "%s needs an encoder with a head (head.weight)", Field.of("outputs", "logits"));
    }
    if (encoder.config().positions() instanceof InputPositions.Grid && !input.hasCoordinates()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: this encoder adds positions by tile: coords [B, N, 2] in pixels are missing",
              input.source()));
    }
    for (long b = 0; b < input.batch(); b++) {
      long n = input.runs(b).stream().mapToLong(EmbeddingInput.Run::count).sum();
      if (encoder.config().positions() instanceof InputPositions.Learned learned
          && n != learned.tokens()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: this encoder has learned positions for exactly %d vectors: sequence %d has %d",
                input.source(),
                learned.tokens(),
                b,
                n));
      }
      encoder.config().attention(n + encoder.classRows());
    }
  }

  private void allocate(int hidden, int states, int classes) {
    long batch = input.batch();
    if (outputs.contains(Output.HIDDEN)) {
      results.put("hidden", torch.zeros(batch, input.length(), hidden));
    }
    if (outputs.contains(Output.POOLED)) {
      results.put("pooled", torch.zeros(batch, hidden));
    }
    if (outputs.contains(Output.LAYERS)) {
      results.put("pooled_layers", torch.zeros(batch, states, hidden));
    }
    if (outputs.contains(Output.LOGITS)) {
      results.put("logits", torch.zeros(batch, classes));
    }
  }

  /// One that [#allocate] made.
  private Tensor result(String name) {
    return Objects.requireNonNull(results.get(name));
  }

  private void sequence(Encoder encoder, long b) {
    List<EmbeddingInput.Run> runs = input.runs(b);
    long n = runs.stream().mapToLong(EmbeddingInput.Run::count).sum();
    int front = encoder.classRows();
    Tensor x = state(encoder, b, n + front);
    encoder.embedClass(x);
    for (Part part : parts(runs)) {
      try (PointerScope _ = new PointerScope()) {
        Tensor vectors = TensorMemory.view(input.part(b, part.from, part.count));
        requireFinite(vectors, b, part);
        double[][] at = input.coordinates(b, part.from, part.count);
        encoder.embed(vectors, part.index, at, x.narrow(0, front + part.index, part.count));
      }
    }
    encoder.run(
        x,
        done -> {
          if (outputs.contains(Output.LAYERS)) {
            result("pooled_layers")
                .select(0, b)
                .narrow(0, done, 1)
                .copy_(pooled(encoder, x, front));
          }
          if (done > 0) {
            progress.accept(b * encoder.config().layers() + done);
          }
        });
    encoder.outputNorm(x);
    if (outputs.contains(Output.POOLED) || outputs.contains(Output.LOGITS)) {
      Tensor pooled = pooled(encoder, x, front);
      if (outputs.contains(Output.POOLED)) {
        result("pooled").narrow(0, b, 1).copy_(pooled);
      }
      if (outputs.contains(Output.LOGITS)) {
        result("logits").narrow(0, b, 1).copy_(encoder.head(pooled));
      }
    }
    scatter(x.narrow(0, front, n), b, runs);
  }

  /// The sequence's own rows of `hidden` where they can be worked in, else new ones.
  private Tensor state(Encoder encoder, long b, long rows) {
    Tensor hidden = results.get("hidden");
    if (hidden != null && rows == input.length() && encoder.classRows() == 0 && onCpu(encoder)) {
      return hidden.select(0, b);
    }
    return torch
        .empty(rows, encoder.config().hidden())
        .to(new Device(encoder.device()), ScalarType.Float);
  }

  private static boolean onCpu(Encoder encoder) {
    return encoder.device().equals("cpu");
  }

  private Tensor pooled(Encoder encoder, Tensor x, int front) {
    Tensor one =
        switch (pooling) {
          case MEAN -> encoder.mean(x.narrow(0, front, x.size(0) - front));
          case CLASS -> x.narrow(0, 0, 1);
        };
    return encoder.pooledNorm(one);
  }

  private void sequence(Decoder model, long b) {
    List<EmbeddingInput.Run> runs = input.runs(b);
    long n = runs.stream().mapToLong(EmbeddingInput.Run::count).sum();
    int c = model.config().hidden();
    Device device = new Device(model.options().device());
    Tensor x = torch.empty(n, c).to(device, ScalarType.Float);
    for (Part part : parts(runs)) {
      try (PointerScope _ = new PointerScope()) {
        TensorEntry entry = input.part(b, part.from, part.count);
        Tensor values = TensorMemory.view(entry);
        Tensor rows = x.narrow(0, part.index, part.count);
        if (input.isTokens()) {
          requireIds(values, model.config().vocabulary(), b);
          rows.copy_(model.embed(values.to(device, ScalarType.Long)));
        } else {
          requireFinite(values, b, part);
          rows.copy_(values);
        }
      }
    }
    Tensor out = model.forward(x.view(1, n, c)).view(n, c);
    progress.accept((b + 1) * model.config().layers());
    if (outputs.contains(Output.POOLED)) {
      result("pooled")
          .narrow(0, b, 1)
          .copy_(
              out.mean(
                  new long[] {0},
                  true,
                  new org.bytedeco.pytorch.ScalarTypeOptional(ScalarType.Double)));
    }
    scatter(out, b, runs);
  }

  private void scatter(Tensor states, long b, List<EmbeddingInput.Run> runs) {
    Tensor hidden = results.get("hidden");
    if (hidden == null || hidden.select(0, b).data_ptr().address() == states.data_ptr().address()) {
      return;
    }
    long index = 0;
    for (EmbeddingInput.Run run : runs) {
      hidden
          .select(0, b)
          .narrow(0, run.first(), run.count())
          .copy_(states.narrow(0, index, run.count()));
      index += run.count();
    }
  }

  private record Part(long from, long count, long index) {}

  private static List<Part> parts(List<EmbeddingInput.Run> runs) {
    List<Part> parts = new ArrayList<>();
    long index = 0;
    for (EmbeddingInput.Run run : runs) {
      for (long at = 0; at < run.count(); at += CHUNK) {
        long count = Math.min(CHUNK, run.count() - at);
        parts.add(new Part(run.first() + at, count, index));
        index += count;
      }
    }
    return parts;
  }

  private void requireFinite(Tensor vectors, long b, Part part) {
    if (!vectors.isfinite().all().item_bool()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: embeddings must be finite: sequence %d has NaN or infinity at positions %d to %d",
              input.source(),
              b,
              part.from,
              part.from + part.count - 1));
    }
  }

  private void requireIds(Tensor ids, int vocabulary, long b) {
    long least = ids.min().item_long();
    long most = ids.max().item_long();
    if (least < 0 || most >= vocabulary) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: tokens must be in [0, %d), the model's vocabulary: sequence %d has %d",
              input.source(),
              vocabulary,
              b,
              least < 0 ? least : most));
    }
  }
}
