// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.EncoderConfig.InputPositions;
import dev.longnet.lm.torch.TorchThreads;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// A bidirectional encoder of embeddings for inference: LongViT's and Prov-GigaPath's. One sequence
/// at a time runs through the layers in place, token-wise work in chunks: beside the sequence's own
/// [n, C] only queries, keys, values and attention's output are as long as it is, and one layer's
/// are reused by the next.
///
/// Not for several threads at once. Owns its parameters.
public final class Encoder implements AutoCloseable {
  private final EncoderConfig config;
  private final ModelOptions options;
  private final AttentionOperator.Factory operators;
  private final Tools tools;
  private final Parameters parameters;
  private final AttentionMixer.Shared attention;
  private final List<Layer> layers;
  private final Map<AttentionConfig, AttentionOperator> cached = new LinkedHashMap<>();

  private Encoder(
      EncoderConfig config, ModelOptions options, AttentionOperator.Factory operators, long seed) {
    this.config = config;
    this.options = options;
    this.operators = operators;
    Blueprint blueprint = Blueprint.of(config);
    this.tools = Tools.of(blueprint, options, SequenceShards.one(), null);
    this.parameters = tools.parameters();
    Initialization.fill(parameters, blueprint, seed);
    this.attention = new AttentionMixer.Shared(_ -> Positions.none());
    this.layers =
        IntStream.range(0, config.layers())
            .mapToObj(i ->
                new Layer(
                    tools,
                    i,
                    new AttentionMixer(tools, config.heads(), i, attention, null),
                    config.activation()))
            .toList();
  }

  /// With random weights, a function of `seed` alone.
  ///
  /// @param operators makes the attention operator of a configuration; they stay the caller's
  public static Encoder create(
      EncoderConfig config, ModelOptions options, AttentionOperator.Factory operators, long seed) {
    try (PointerScope _ = new PointerScope()) {
      return new Encoder(config, options, operators, seed);
    }
  }

  public EncoderConfig config() {
    return config;
  }

  public ModelOptions options() {
    return options;
  }

  /// Where its tensors live.
  public String device() {
    return options.device();
  }

  /// float32. Contents may be written, then [#prepare()].
  public SequencedMap<String, Tensor> parameters() {
    return parameters.values();
  }

  /// Takes over parameters that were written.
  public void prepare() {
    try (PointerScope _ = new PointerScope()) {
      layers.forEach(layer -> layer.prepare(Linear::prepare));
    }
  }

  /// The width of the vectors the encoder takes.
  public int inputWidth() {
    return config.inputWidth().orElse(config.hidden());
  }

  /// Rows of the class token in front of a sequence: 0 or 1.
  public int classRows() {
    return config.classToken() ? 1 : 0;
  }

  /// Writes the class token's row, where there is one.
  ///
  /// @param x [classRows + n, C] float32
  public void embedClass(Tensor x) {
    if (config.classToken()) {
      try (PointerScope _ = new PointerScope()) {
        x.narrow(0, 0, 1).copy_(parameters.value("cls_token").view(1, config.hidden()));
      }
    }
  }

  /// The first layer's input for some of a sequence's vectors: projected, with their positions
  /// added.
  ///
  /// @param vectors [n, inputWidth] of any floating type
  /// @param first index of the first of them in its sequence
  /// @param coordinates [n, 2] float64, pixels, for grid positions; else null
  /// @param x [n, C] float32, overwritten
  public void embed(Tensor vectors, long first, double @Nullable [][] coordinates, Tensor x) {
    try (PointerScope _ = new PointerScope()) {
      Tensor wide = Types.cast(vectors, ScalarType.Float).to(x.device(), ScalarType.Float);
      if (config.inputWidth().isPresent()) {
        Tensor bias = parameters.value("patch_embed.proj.bias");
        torch.addmm_out(x, bias, wide, parameters.value("patch_embed.proj.weight").t());
      } else {
        x.copy_(wide);
      }
      switch (config.positions()) {
        case InputPositions.None _ -> {}
        case InputPositions.Learned _ ->
            x.add_(
                parameters
                    .value("pos_embed")
                    .view(-1, config.hidden())
                    .narrow(0, first, vectors.size(0)));
        case InputPositions.Grid grid -> {
          float[] values =
              GridPositions.of(grid, Objects.requireNonNull(coordinates), config.hidden());
          Tensor host = torch.empty(values.length);
          host.data_ptr_float().put(values, 0, values.length);
          x.add_(host.view(-1, config.hidden()).to(x.device(), ScalarType.Float));
        }
      }
    }
  }

  /// Runs all layers over one sequence.
  ///
  /// @param x [n, C] float32, class token included, overwritten with the last layer's output
  ///   (before any output norm)
  /// @param after called with 0 before the first layer and with i + 1 after layer i, when x holds
  ///   that state
  public void run(Tensor x, IntConsumer after) {
    long n = x.size(0);
    AttentionConfig geometry = config.attention(n);
    attention.use(
        cached.computeIfAbsent(
            geometry,
            g -> ZeroPaddedKeys.where(g, false, operators.of(g, false)).on(tools.crew())));
    Shape shape = tools.shape(1, Span.whole(n));
    after.accept(0);
    for (int i = 0; i < layers.size(); i++) {
      try (TorchThreads _ = tools.crew().open();
          PointerScope _ = new PointerScope();
          Workspace.Frame _ = tools.workspace().frame()) {
        layers.get(i).run(x, shape, x);
      }
      after.accept(i + 1);
    }
  }

  /// The norm after the last layer, in place, where the encoder has one.
  ///
  /// @param x [n, C] float32
  public void outputNorm(Tensor x) {
    if (config.outputNorm()) {
      for (Chunk c : Chunk.split(1, x.size(0), options.tokenChunk())) {
        try (PointerScope _ = new PointerScope()) {
          Tensor rows = c.of(x);
          rows.copy_(normed(rows, "layer_norm", Norm.EPSILON));
        }
      }
    }
  }

  /// The mean of rows, summed in float64.
  ///
  /// @param x [n, C] float32, the class token not among them
  /// @return [1, C] float32, the caller's
  public Tensor mean(Tensor x) {
    Tensor result = parameters.empty(ScalarType.Float, 1, config.hidden());
    try (PointerScope _ = new PointerScope()) {
      Tensor sum = parameters.empty(ScalarType.Double, config.hidden()).zero_();
      for (Chunk c : Chunk.split(1, x.size(0), options.tokenChunk())) {
        try (PointerScope _ = new PointerScope()) {
          sum.add_(c.of(x).to(ScalarType.Double).sum(0));
        }
      }
      result.copy_(sum.div_(new org.bytedeco.pytorch.Scalar((double) x.size(0))));
    }
    return result;
  }

  /// What follows the pooling: the norm, where there is one.
  ///
  /// @param pooled [1, C] float32
  /// @return [1, C] float32, the caller's
  public Tensor pooledNorm(Tensor pooled) {
    return config.pooledNormEpsilon().isPresent()
        ? normed(pooled, "norm", config.pooledNormEpsilon().get())
        : pooled.clone();
  }

  /// Class scores.
  ///
  /// @param pooled [1, C] float32, after [#pooledNorm]
  /// @return [1, classes] float32, the caller's
  public Tensor head(Tensor pooled) {
    return torch.addmm(parameters.value("head.bias"), pooled, parameters.value("head.weight").t());
  }

  private Tensor normed(Tensor x, String name, double epsilon) {
    return torch.layer_norm(
        x,
        new long[] {config.hidden()},
        new TensorOptional(parameters.value(name + ".weight")),
        new TensorOptional(parameters.value(name + ".bias")),
        epsilon,
        false);
  }

  @Override
  public void close() {
    layers.forEach(Layer::close);
    attention.close();
    tools.close();
  }
}
