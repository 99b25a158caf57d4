// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import static dev.longnet.lm.inference.TinyEncoder.WIDTH;
import static dev.longnet.lm.inference.TinyEncoder.assertClose;
import static dev.longnet.lm.inference.TinyEncoder.config;
import static dev.longnet.lm.inference.TinyEncoder.encode;
import static dev.longnet.lm.inference.TinyEncoder.file;
import static dev.longnet.lm.inference.TinyEncoder.floats;
import static dev.longnet.lm.inference.TinyEncoder.plain;
import static dev.longnet.lm.inference.TinyEncoder.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.EncoderConfig.InputPositions;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Npy;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.inference.Encoding.Output;
import dev.longnet.lm.inference.Encoding.Pooling;
import dev.longnet.lm.model.Encoder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Encoders of embeddings: inputs, positions, pooling.
class EncodingTest {
  @TempDir Path directory;

  @Test
  void npyAndSafetensorsAndHalvesAreTheSameVectors() throws IOException {
    TensorEntry vectors = TensorEntry.of("v", new long[] {60, WIDTH}, random(4, 60 * WIDTH));
    Path npy = directory.resolve("v.npy");
    try (Arena arena = Arena.ofConfined()) {
      TensorEntry half = Numbers.convert(vectors, DType.F16, arena);
      TensorEntry wide = Numbers.convert(half, DType.F64, arena);
      Npy.write(npy, half);
      EnumSet<Output> hidden = EnumSet.of(Output.HIDDEN);
      float[] expected =
          encode(plain(), file(directory, "w.safetensors", wide), Pooling.MEAN, hidden)
              .get("hidden");
      assertThat(encode(plain(), npy, Pooling.MEAN, hidden).get("hidden")).isEqualTo(expected);
      assertThat(
              encode(plain(), file(directory, "h.safetensors", half), Pooling.MEAN, hidden)
                  .get("hidden"))
          .isEqualTo(expected);
    }
  }

  @Test
  void segmentLengthsMayFollowTheNumberOfTokens() throws IOException {
    Path input =
        file(
            directory,
            "x.safetensors",
            TensorEntry.of("v", new long[] {1, 90, WIDTH}, random(5, 90 * WIDTH)));
    EnumSet<Output> hidden = EnumSet.of(Output.HIDDEN);
    EncoderConfig geometric =
        config(false, new InputPositions.None(), new SegmentLengths.Geometric(16, 3));
    EncoderConfig fixed =
        config(false, new InputPositions.None(), new SegmentLengths.Fixed(List.of(16L, 32L, 64L)));
    assertThat(encode(geometric, input, Pooling.MEAN, hidden).get("hidden"))
        .isEqualTo(encode(fixed, input, Pooling.MEAN, hidden).get("hidden"))
        .isNotEqualTo(encode(plain(), input, Pooling.MEAN, hidden).get("hidden"));
    assertThat(new SegmentLengths.Geometric(1024, 5).of(1 << 20))
        .containsExactly(1024L, 5792L, 32768L, 185363L, 1048576L);
  }

  @Test
  void theClassTokenComesFirstAndIsNoPosition() throws IOException {
    TensorEntry coords = TensorEntry.of("coords", new long[] {1, 30, 2}, random(7, 60));
    for (long i = 0; i < 60; i++) {
      coords.data().set(java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i, 256 * i);
    }
    TensorEntry vectors =
        TensorEntry.of("embeddings", new long[] {1, 30, WIDTH}, random(6, 30 * WIDTH));
    Path input = file(directory, "x.safetensors", vectors, coords);
    EncoderConfig grid =
        config(
            true,
            new InputPositions.Grid(100, 256),
            new SegmentLengths.Fixed(List.of(8L, 32L, 64L)));
    EnumSet<Output> outputs = EnumSet.of(Output.HIDDEN, Output.POOLED);
    Map<String, float[]> byClass = encode(grid, input, Pooling.CLASS, outputs);
    Map<String, float[]> byMean = encode(grid, input, Pooling.MEAN, outputs);
    assertThat(byClass.get("hidden")).hasSize(30 * 32).isEqualTo(byMean.get("hidden"));
    assertThat(byClass.get("pooled")).isNotEqualTo(byMean.get("pooled"));
    assertThatThrownBy(
            () -> encode(grid, file(directory, "y.safetensors", vectors), Pooling.CLASS, outputs))
        .hasMessageContaining("coords [B, N, 2] in pixels are missing");
    EncoderConfig small =
        config(
            true,
            new InputPositions.Grid(10, 256),
            new SegmentLengths.Fixed(List.of(8L, 32L, 64L)));
    assertThatThrownBy(() -> encode(small, input, Pooling.CLASS, outputs))
        .hasMessageContaining("coords must lie in [0, 10 x 256)");
  }

  @Test
  void chunksDoNotChangeResults() throws IOException {
    Path input =
        file(
            directory,
            "x.safetensors",
            TensorEntry.of("v", new long[] {1, 5000, WIDTH}, random(8, 5000 * WIDTH)));
    float[] whole = null;
    for (int chunk : new int[] {8192, 1000, 77}) {
      RuntimeConfig runtime =
          new RuntimeConfig(
              "cpu",
              RuntimeConfig.Precision.FP32,
              0,
              RuntimeConfig.AttentionChoice.AUTO,
              false,
              chunk,
              64,
              false);
      try (PointerScope _ = new PointerScope();
          EmbeddingInput in = EmbeddingInput.open(input, Optional.empty(), Optional.empty());
          Encoder encoder = LoadedEncoder.random(plain(), runtime, 3)) {
        float[] hidden =
            floats(
                Encoding.run(encoder, in, Pooling.MEAN, EnumSet.of(Output.HIDDEN), _ -> {})
                    .get("hidden"));
        if (whole == null) {
          whole = hidden;
        }
        assertClose(hidden, whole);
      }
    }
  }

  @Test
  void inputsThatDoNotFitAreRefusedInOneLine() throws IOException {
    TensorEntry good = TensorEntry.of("embeddings", new long[] {1, 4, WIDTH}, random(9, 4 * WIDTH));
    float[] bad = random(9, 4 * WIDTH);
    bad[30] = Float.NaN;
    record Case(String message, TensorEntry... tensors) {}
    for (Case c :
        List.of(
            new Case(
                "must be 24 wide",
                TensorEntry.of("embeddings", new long[] {1, 4, 8}, random(9, 32))),
            new Case(
                "must be [B, N, width]",
                TensorEntry.of("embeddings", new long[] {4}, random(9, 4))),
            new Case(
                "must be [B, N, width]",
                TensorEntry.of("embeddings", new long[] {1, 0, WIDTH}, new float[0])),
            new Case(
                "it has no vocabulary", TensorEntry.of("tokens", new long[] {1, 4}, 1L, 2, 3, 4)),
            new Case(
                "NaN or infinity", TensorEntry.of("embeddings", new long[] {1, 4, WIDTH}, bad)),
            new Case(
                "padding_mask must be [1, 4]",
                good,
                TensorEntry.of("padding_mask", new long[] {1, 5}, random(1, 5))),
            new Case(
                "sequence 0 is all padding",
                good,
                TensorEntry.of("padding_mask", new long[] {1, 4}, 1f, 1, 1, 1)),
            new Case(
                "lengths must be from 1 to N=4",
                good,
                TensorEntry.of("lengths", new long[] {1}, 5L)),
            new Case(
                "exclude each other",
                good,
                TensorEntry.of("lengths", new long[] {1}, 4L),
                TensorEntry.of("padding_mask", new long[] {1, 4}, 0f, 0, 0, 1)),
            new Case(
                "needs a tensor embeddings",
                TensorEntry.of("a", new long[] {1, 4, WIDTH}, random(1, 4 * WIDTH)),
                TensorEntry.of("b", new long[] {1, 4, WIDTH}, random(1, 4 * WIDTH))))) {
      Path input = file(directory, "bad.safetensors", c.tensors());
      assertThatThrownBy(() -> encode(plain(), input, Pooling.MEAN, EnumSet.of(Output.POOLED)))
          .as(c.message())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("bad.safetensors")
          .hasMessageContaining(c.message());
    }
    Path input = file(directory, "good.safetensors", good);
    assertThatThrownBy(() -> encode(plain(), input, Pooling.CLASS, EnumSet.of(Output.POOLED)))
        .hasMessageContaining("class token");
    EncoderConfig learned =
        config(
            false, new InputPositions.Learned(7), new SegmentLengths.Fixed(List.of(8L, 32L, 64L)));
    assertThatThrownBy(() -> encode(learned, input, Pooling.MEAN, EnumSet.of(Output.POOLED)))
        .hasMessageContaining("exactly 7 vectors: sequence 0 has 4");
  }
}
