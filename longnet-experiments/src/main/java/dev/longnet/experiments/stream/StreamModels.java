// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamingModel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;

/// Models with random weights from a seed: time and memory do not depend on what the weights are,
/// perplexity does.
public final class StreamModels {
  private StreamModels() {}

  /// Branches w = 512 * 8^i, r = 8^i, up to the first segment that holds `longest` tokens: 512 rows
  /// each.
  public static AttentionConfig.Dilated growing(long longest) {
    List<Branch> branches = new ArrayList<>();
    long dilation = 1;
    branches.add(new Branch(512, 1));
    while (branches.getLast().segmentLength() < longest) {
      dilation *= 8;
      branches.add(new Branch(512 * dilation, dilation));
    }
    return new AttentionConfig.Dilated(branches, HeadOffsets.INTERLEAVED);
  }

  /// Bytes, 2 layers, hidden 64, 4 heads, feed-forward 256, RoPE, tied output.
  public static ModelConfig small(AttentionConfig attention) {
    return new ModelConfig(257, 2, 64, 4, 256, PositionEncoding.ROPE, true, true, attention);
  }

  /// Bytes, the paper's branches (w = 2048 to 32768, r = 1 to 12), RoPE, feed-forward 4 C, tied
  /// output.
  public static ModelConfig paper(int layers, int hidden, int heads) {
    List<Branch> branches =
        List.of(
            new Branch(2048, 1),
            new Branch(4096, 2),
            new Branch(8192, 4),
            new Branch(16384, 6),
            new Branch(32768, 12));
    return new ModelConfig(
        257,
        layers,
        hidden,
        heads,
        Math.multiplyExact(4, hidden),
        PositionEncoding.ROPE,
        true,
        true,
        new AttentionConfig.Dilated(branches, HeadOffsets.INTERLEAVED));
  }

  /// The caller closes it.
  public static StreamingModel random(ModelConfig config, long seed, StreamOptions options) {
    return StreamingModel.load(config, weights(config, seed), options);
  }

  /// A model's tensors by torchscale's names.
  public static Function<String, TensorEntry> weights(ModelConfig config, long seed) {
    Map<String, TensorEntry> weights = new HashMap<>();
    Random random = new Random(seed);
    for (Parameter parameter : Blueprint.of(config).parameters()) {
      String name = parameter.name();
      long[] shape = parameter.dimensions();
      int count = 1;
      for (long size : shape) {
        count = Math.multiplyExact(count, Math.toIntExact(size));
      }
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] =
            parameter.matrix()
                ? (float) (random.nextGaussian() / Math.sqrt(shape[1]))
                : parameter.initial() instanceof Parameter.Initial.Constant(double value)
                    ? (float) value
                    : 0;
      }
      weights.put(name, TensorEntry.of(name, shape, values));
    }
    return weights::get;
  }
}
