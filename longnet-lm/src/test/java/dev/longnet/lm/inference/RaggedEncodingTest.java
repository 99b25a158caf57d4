// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import static dev.longnet.lm.inference.TinyEncoder.WIDTH;
import static dev.longnet.lm.inference.TinyEncoder.assertClose;
import static dev.longnet.lm.inference.TinyEncoder.file;
import static dev.longnet.lm.inference.TinyEncoder.plain;
import static dev.longnet.lm.inference.TinyEncoder.random;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.inference.Encoding.Output;
import dev.longnet.lm.inference.Encoding.Pooling;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Batches of sequences of different lengths, with padding.
class RaggedEncodingTest {
  @TempDir Path directory;

  /// A BLAS may choose another order of summation for another number of rows (OpenBLAS does), so a
  /// sequence alone, without its padding, is compared within rounding; the next test compares bits.
  @Test
  void aRaggedBatchGivesWhatEverySequenceGivesAlone() throws IOException {
    Ragged ragged = Ragged.of(new int[] {50, 100, 1, 77}, 1, 1e6f);
    Map<String, float[]> batch = encode(ragged);
    for (int b = 0; b < 4; b++) {
      List<Integer> kept = ragged.real.get(b);
      Map<String, float[]> single =
          TinyEncoder.encode(
              plain(),
              file(
                  directory,
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
        TinyEncoder.encode(
            plain(),
            file(
                directory,
                "a.safetensors",
                vectors,
                TensorEntry.of("padding_mask", new long[] {2, 40}, mask)),
            Pooling.MEAN,
            EnumSet.of(Output.HIDDEN));
    Map<String, float[]> counted =
        TinyEncoder.encode(
            plain(),
            file(
                directory,
                "b.safetensors",
                vectors,
                TensorEntry.of("lengths", new long[] {2}, 25L, 40L)),
            Pooling.MEAN,
            EnumSet.of(Output.HIDDEN));
    assertThat(counted.get("hidden")).isEqualTo(masked.get("hidden"));
  }

  private Map<String, float[]> encode(Ragged batch) throws IOException {
    return TinyEncoder.encode(
        plain(),
        file(
            directory,
            "batch.safetensors",
            TensorEntry.of("embeddings", new long[] {4, 100, WIDTH}, batch.vectors),
            TensorEntry.of("padding_mask", new long[] {4, 100}, batch.mask)),
        Pooling.MEAN,
        EnumSet.allOf(Output.class));
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
}
