package dev.longnet.lm.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.EncoderConfig.InputPositions;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Npy;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.inference.Encoding.Output;
import dev.longnet.lm.inference.Encoding.Pooling;
import dev.longnet.lm.model.Encoder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Encoders of embeddings: ragged batches, positions, pooling.
class EncodingTest {
  private static final RuntimeConfig RUNTIME =
      new RuntimeConfig(
          "cpu",
          RuntimeConfig.Precision.FP32,
          0,
          RuntimeConfig.AttentionChoice.AUTO,
          false,
          2048,
          1024);
  private static final int WIDTH = 24;

  @TempDir Path directory;

  private static EncoderConfig config(
      boolean classToken, InputPositions positions, SegmentLengths lengths) {
    return new EncoderConfig(
        2,
        32,
        4,
        64,
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

  private static EncoderConfig plain() {
    return config(
        false, new InputPositions.None(), new SegmentLengths.Fixed(List.of(8L, 32L, 64L)));
  }

  private static float[] random(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private Path file(String name, TensorEntry... tensors) throws IOException {
    Path path = directory.resolve(name);
    SafetensorsWriter.write(path, Map.of(), List.of(tensors));
    return path;
  }

  private Map<String, float[]> encode(
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

  private static float[] floats(Tensor tensor) {
    float[] values = new float[(int) tensor.numel()];
    tensor.to(ScalarType.Float).contiguous().data_ptr_float().get(values);
    return values;
  }

  private static void assertClose(float[] actual, float[] expected) {
    assertThat(actual).hasSize(expected.length);
    for (int i = 0; i < actual.length; i++) {
      assertThat(Math.abs(actual[i] - expected[i]))
          .as("%d: %s, %s", i, actual[i], expected[i])
          .isLessThan(2e-5f);
    }
  }

  /// A batch of 4 sequences of 100 rows, `lengths[b]` of them real; where every real row stands.
  private record Ragged(float[] vectors, float[] mask, List<List<Integer>> real) {
    /// Padding of sequence 0 at its end, of the others half at the end and half from the middle on,
    /// in turns; it holds large numbers that nobody may see.
    static Ragged of(int[] lengths, long seed, float padding) {
      float[] vectors = random(seed, 4 * 100 * WIDTH);
      float[] mask = new float[4 * 100];
      List<List<Integer>> real = new ArrayList<>();
      for (int b = 0; b < 4; b++) {
        for (int i = lengths[b]; i < 100; i++) {
          int half = (i - lengths[b]) / 2;
          mask[b * 100 + (i % 2 == 0 || b == 0 ? 100 - 1 - half : lengths[b] / 2 + half)] = 1;
        }
        List<Integer> kept = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
          int row = b * 100 + i;
          if (mask[row] == 0) {
            kept.add(i);
          } else {
            Arrays.fill(vectors, row * WIDTH, (row + 1) * WIDTH, padding);
          }
        }
        real.add(kept);
      }
      return new Ragged(vectors, mask, real);
    }

    /// This batch with sequence `b` of `from` in place of its own.
    Ragged with(int b, Ragged from) {
      float[] vectors = this.vectors.clone();
      float[] mask = this.mask.clone();
      List<List<Integer>> real = new ArrayList<>(this.real);
      System.arraycopy(from.vectors, b * 100 * WIDTH, vectors, b * 100 * WIDTH, 100 * WIDTH);
      System.arraycopy(from.mask, b * 100, mask, b * 100, 100);
      real.set(b, from.real.get(b));
      return new Ragged(vectors, mask, real);
    }

    /// The real rows of sequence `b`, one after another.
    float[] alone(int b) {
      float[] rows = new float[real.get(b).size() * WIDTH];
      for (int i = 0; i < real.get(b).size(); i++) {
        System.arraycopy(vectors, (b * 100 + real.get(b).get(i)) * WIDTH, rows, i * WIDTH, WIDTH);
      }
      return rows;
    }
  }

  private Map<String, float[]> encode(Ragged batch) throws IOException {
    return encode(
        plain(),
        file(
            "batch.safetensors",
            TensorEntry.of("embeddings", new long[] {4, 100, WIDTH}, batch.vectors),
            TensorEntry.of("padding_mask", new long[] {4, 100}, batch.mask)),
        Pooling.MEAN,
        EnumSet.allOf(Output.class));
  }

  /// A BLAS may choose another order of summation for another number of rows (OpenBLAS does), so a
  /// sequence alone, without its padding, is compared within rounding; the next test compares bits.
  @Test
  void aRaggedBatchGivesWhatEverySequenceGivesAlone() throws IOException {
    Ragged ragged = Ragged.of(new int[] {50, 100, 1, 77}, 1, 1e6f);
    Map<String, float[]> batch = encode(ragged);
    for (int b = 0; b < 4; b++) {
      List<Integer> kept = ragged.real.get(b);
      Map<String, float[]> single =
          encode(
              plain(),
              file(
                  "single.safetensors",
                  TensorEntry.of("x", new long[] {1, kept.size(), WIDTH}, ragged.alone(b))),
              Pooling.MEAN,
              EnumSet.allOf(Output.class));
      for (int i = 0; i < 100; i++) {
        int row = (b * 100 + i) * 32;
        float[] hidden = Arrays.copyOfRange(batch.get("hidden"), row, row + 32);
        int at = kept.indexOf(i);
        if (at < 0) {
          assertThat(hidden).as("padding").isEqualTo(new float[32]);
        } else {
          assertClose(hidden, Arrays.copyOfRange(single.get("hidden"), at * 32, at * 32 + 32));
        }
      }
      assertClose(
          Arrays.copyOfRange(batch.get("pooled"), b * 32, b * 32 + 32), single.get("pooled"));
      assertClose(
          Arrays.copyOfRange(batch.get("pooled_layers"), b * 96, b * 96 + 96),
          single.get("pooled_layers"));
      assertClose(Arrays.copyOfRange(batch.get("logits"), b * 3, b * 3 + 3), single.get("logits"));
    }
  }

  /// The same bits whatever the other sequences of a batch and its padding hold.
  @Test
  void aSequenceSeesNeitherItsNeighboursNorPadding() throws IOException {
    Ragged ragged = Ragged.of(new int[] {50, 100, 1, 77}, 1, 1e6f);
    Map<String, float[]> expected = encode(ragged);
    assertThat(encode(Ragged.of(new int[] {50, 100, 1, 77}, 1, -3f)))
        .allSatisfy((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
    Ragged others = Ragged.of(new int[] {99, 3, 42, 64}, 2, 1e6f);
    for (int b = 0; b < 4; b++) {
      int sequence = b;
      Map<String, float[]> actual = encode(others.with(b, ragged));
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      actual.forEach((name, values) -> {
        int size = values.length / 4;
        assertThat(Arrays.copyOfRange(values, sequence * size, (sequence + 1) * size))
            .as("%s of sequence %d", name, sequence)
            .isEqualTo(
                Arrays.copyOfRange(expected.get(name), sequence * size, (sequence + 1) * size));
      });
    }
  }

  @Test
  void lengthsAreAMaskOfTrailingPadding() throws IOException {
    float[] all = random(2, 2 * 40 * WIDTH);
    TensorEntry vectors = TensorEntry.of("embeddings", new long[] {2, 40, WIDTH}, all);
    float[] mask = new float[80];
    Arrays.fill(mask, 25, 40, 1);
    Map<String, float[]> masked =
        encode(
            plain(),
            file(
                "a.safetensors", vectors, TensorEntry.of("padding_mask", new long[] {2, 40}, mask)),
            Pooling.MEAN,
            EnumSet.of(Output.HIDDEN));
    Map<String, float[]> counted =
        encode(
            plain(),
            file("b.safetensors", vectors, TensorEntry.of("lengths", new long[] {2}, 25L, 40L)),
            Pooling.MEAN,
            EnumSet.of(Output.HIDDEN));
    assertThat(counted.get("hidden")).isEqualTo(masked.get("hidden"));
  }

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
          encode(plain(), file("w.safetensors", wide), Pooling.MEAN, hidden).get("hidden");
      assertThat(encode(plain(), npy, Pooling.MEAN, hidden).get("hidden")).isEqualTo(expected);
      assertThat(encode(plain(), file("h.safetensors", half), Pooling.MEAN, hidden).get("hidden"))
          .isEqualTo(expected);
    }
  }

  @Test
  void segmentLengthsMayFollowTheNumberOfTokens() throws IOException {
    Path input =
        file(
            "x.safetensors", TensorEntry.of("v", new long[] {1, 90, WIDTH}, random(5, 90 * WIDTH)));
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
    Path input = file("x.safetensors", vectors, coords);
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
    assertThatThrownBy(() -> encode(grid, file("y.safetensors", vectors), Pooling.CLASS, outputs))
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
              64);
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
      Path input = file("bad.safetensors", c.tensors());
      assertThatThrownBy(() -> encode(plain(), input, Pooling.MEAN, EnumSet.of(Output.POOLED)))
          .as(c.message())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("bad.safetensors")
          .hasMessageContaining(c.message());
    }
    Path input = file("good.safetensors", good);
    assertThatThrownBy(() -> encode(plain(), input, Pooling.CLASS, EnumSet.of(Output.POOLED)))
        .hasMessageContaining("class token");
    EncoderConfig learned =
        config(
            false, new InputPositions.Learned(7), new SegmentLengths.Fixed(List.of(8L, 32L, 64L)));
    assertThatThrownBy(() -> encode(learned, input, Pooling.MEAN, EnumSet.of(Output.POOLED)))
        .hasMessageContaining("exactly 7 vectors: sequence 0 has 4");
  }
}
