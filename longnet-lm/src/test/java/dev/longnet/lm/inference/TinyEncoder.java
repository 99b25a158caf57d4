// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.EncoderConfig.InputPositions;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.inference.Encoding.Output;
import dev.longnet.lm.inference.Encoding.Pooling;
import dev.longnet.lm.model.Encoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A small encoder of embeddings with random weights, and its inputs.
final class TinyEncoder {
  static final RuntimeConfig RUNTIME =
      new RuntimeConfig(
          "cpu",
          RuntimeConfig.Precision.FP32,
          0,
          RuntimeConfig.AttentionChoice.AUTO,
          false,
          2048,
          1024,
          false);
  static final int WIDTH = 24;

  private TinyEncoder() {}

  static EncoderConfig config(
      boolean classToken, InputPositions positions, SegmentLengths lengths) {
    return new EncoderConfig(
        2,
        32,
        4,
        64,
        Activation.GELU,
        true,
        lengths,
        List.of(1L, 2L, 4L),
        HeadOffsets.BLOCKED,
        false,
        Optional.of(WIDTH),
        classToken,
        positions,
        Optional.of(1e-6),
        Optional.of(3));
  }

  static EncoderConfig plain() {
    return config(
        false, new InputPositions.None(), new SegmentLengths.Fixed(List.of(8L, 32L, 64L)));
  }

  static float[] random(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  static Path file(Path directory, String name, TensorEntry... tensors) throws IOException {
    Path path = directory.resolve(name);
    SafetensorsWriter.write(path, Map.of(), List.of(tensors));
    return path;
  }

  static Map<String, float[]> encode(
      EncoderConfig config, Path input, Pooling pooling, Set<Output> outputs) throws IOException {
    try (PointerScope _ = new PointerScope();
        EmbeddingInput in = EmbeddingInput.open(input, Optional.empty(), Optional.empty());
        Encoder encoder = LoadedEncoder.random(config, RUNTIME, 3)) {
      Map<String, float[]> results = new java.util.LinkedHashMap<>();
      Encoding.run(encoder, in, pooling, outputs, _ -> {})
          .forEach((name, tensor) -> results.put(name, floats(tensor)));
      return results;
    }
  }

  static float[] floats(Tensor tensor) {
    float[] values = new float[(int) tensor.numel()];
    tensor.to(ScalarType.Float).contiguous().data_ptr_float().get(values);
    return values;
  }

  static void assertClose(float[] actual, float[] expected) {
    assertThat(actual).hasSize(expected.length);
    for (int i = 0; i < actual.length; i++) {
      assertThat(Math.abs(actual[i] - expected[i]))
          .as("%d: %s, %s", i, actual[i], expected[i])
          .isLessThan(2e-5f);
    }
  }
}
