// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.BranchedAttention;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// Models of random shapes with random weights, gains and biases.
final class TestModels {
  private TestModels() {}

  static ModelConfig config(PositionEncoding positions, boolean tied, AttentionConfig attention) {
    return new ModelConfig(37, 2, 24, 3, 40, positions, tied, true, attention);
  }

  /// One mixer or several, any attention, any positions, segments that divide one another or not,
  /// dilations that divide segments or not.
  static ModelConfig random(RandomGenerator random) {
    int heads = 1 + random.nextInt(4);
    // Norms of fewer channels magnify roundings beyond any tolerance.
    int headSize = 2 * Math.max(1 + random.nextInt(12), Math.ceilDiv(6, heads));
    PositionEncoding positions = PositionEncoding.values()[random.nextInt(3)];
    int base = random.nextBoolean() ? 512 : 3 + random.nextInt(20);
    int layers = 1 + random.nextInt(3);
    List<MixerConfig> mixers = new ArrayList<>();
    for (int i = 1 + random.nextInt(layers); i > 0; i--) {
      mixers.add(random.nextInt(4) == 0 ? branches(random, layers, heads) : attention(random));
    }
    ModelConfig config =
        new ModelConfig(
            5 + random.nextInt(200),
            layers,
            heads * headSize,
            heads,
            1 + random.nextInt(90),
            Activation.values()[(heads + layers) % 3],
            positions,
            base,
            random.nextBoolean(),
            true,
            mixers);
    double share = random.nextBoolean() ? 1 : 2.0 * (1 + random.nextInt(headSize / 2)) / headSize;
    int taps = random.nextBoolean() ? 0 : 2 + random.nextInt(7);
    int free = random.nextInt(heads + 1);
    int scale = random.nextBoolean() ? 0 : 2 + random.nextInt(1000);
    return config
        .withNopeHeads(free, free > 0 && positions != PositionEncoding.NONE ? scale : 0)
        .withShortConvolution(taps)
        .withPositions(random.nextBoolean() ? 10_000 : 2 + random.nextInt(1 << 20), share);
  }

  private static AttentionConfig attention(RandomGenerator random) {
    return switch (random.nextInt(6)) {
      case 0 -> new AttentionConfig.Dense();
      case 1 -> {
        long block = 1 + random.nextInt(40);
        yield new AttentionConfig.Sparse(block, 1 + random.nextLong(block));
      }
      default -> {
        List<Branch> branches = new ArrayList<>();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
          branches.add(
              new Branch(
                  1 + random.nextInt(120), 1 + random.nextInt(random.nextBoolean() ? 4 : 30)));
        }
        yield new AttentionConfig.Dilated(
            branches, random.nextBoolean() ? HeadOffsets.BLOCKED : HeadOffsets.INTERLEAVED);
      }
    };
  }

  /// Branches of every kind; the first stands everywhere.
  private static BranchedAttention branches(RandomGenerator random, int layers, int heads) {
    List<BranchedAttention.Placed> all = new ArrayList<>();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      long length = 1 + random.nextInt(120);
      boolean everywhere = all.isEmpty();
      Branch branch =
          new Branch(
              length,
              everywhere ? 1 : 1 + random.nextInt(9),
              Branch.Window.values()[random.nextInt(3)],
              Branch.Dilate.values()[random.nextInt(2)],
              everywhere ? List.of() : some(random, heads),
              random.nextLong(length));
      all.add(
          new BranchedAttention.Placed(
              branch, everywhere ? List.of() : some(random, layers), all.size()));
    }
    return new BranchedAttention(all, HeadOffsets.INTERLEAVED);
  }

  private static List<Integer> some(RandomGenerator random, int of) {
    return IntStream.range(0, of).filter(i -> random.nextBoolean()).boxed().toList();
  }

  static Map<String, TensorEntry> weights(ModelConfig config, RandomGenerator random) {
    Map<String, TensorEntry> weights = new TreeMap<>();
    for (Parameter parameter : Blueprint.of(config).parameters()) {
      String name = parameter.name();
      long[] shape = parameter.dimensions();
      float[] values = new float[(int) java.util.Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
      boolean gain = shape.length == 1 && name.endsWith("weight");
      double scale = shape.length == 2 ? 1.2 / Math.sqrt(shape[1]) : 0.2 * shape.length;
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) ((gain ? 1 : 0) + scale * random.nextGaussian());
      }
      weights.put(name, TensorEntry.of(name, shape, values));
    }
    return weights;
  }

  static int[] tokens(ModelConfig config, int count, RandomGenerator random) {
    return random.ints(count, 0, config.vocabulary()).toArray();
  }
}
