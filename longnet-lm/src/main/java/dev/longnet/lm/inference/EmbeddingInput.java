// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.FileKind;
import dev.longnet.core.io.Npy;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.ResourceStack;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What an encoder is to read: vectors or token ids of a ragged batch, mapped from a file.
///
/// A safetensors file holds `embeddings` [B, N, W] (or [N, W]; any name where it is the only one of
/// that rank and floating) or `tokens` [B, N] I64, and may hold `padding_mask` [B, N] (non-zero:
/// padding, as torchscale's `encoder_padding_mask`) or `lengths` `[B]` I64, and `coords` [B, N, 2].
/// A `.npy` file holds the vectors alone.
public final class EmbeddingInput implements Closeable {
  private final ResourceStack opened = new ResourceStack();
  private final Arena arena = opened.push(Arena.ofShared());
  private final String source;
  private final TensorEntry values;
  private final boolean tokens;
  private final long batch;
  private final long length;
  private final int width;
  private final @Nullable TensorEntry mask;
  private final @Nullable TensorEntry lengths;
  private final @Nullable TensorEntry coordinates;

  /// Neighbouring positions that are no padding.
  public record Run(long first, long count) {}

  private EmbeddingInput(Path input, Optional<Path> maskFile, Optional<Path> coordsFile)
      throws IOException {
    this.source = input.toString();
    try {
      TensorEntry given;
      @Nullable TensorEntry givenMask = null;
      @Nullable TensorEntry givenLengths = null;
      @Nullable TensorEntry givenCoords = null;
      if (source.endsWith(".npy")) {
        given = Npy.open(input, arena);
      } else {
        SafetensorsFile file = open(input);
        given = values(file);
        givenMask = file.contains("padding_mask") ? file.tensor("padding_mask") : null;
        givenLengths = file.contains("lengths") ? file.tensor("lengths") : null;
        givenCoords = file.contains("coords") ? file.tensor("coords") : null;
      }
      tokens = given.type() == DType.I64;
      int rank = tokens ? 2 : 3;
      long[] shape = given.shape();
      if (shape.length == rank - 1) {
        long[] batched = new long[rank];
        batched[0] = 1;
        System.arraycopy(shape, 0, batched, 1, rank - 1);
        shape = batched;
      }
      if (shape.length != rank
          || Arrays.stream(shape).anyMatch(s -> s < 1)
          || !tokens && !Numbers.isFloating(given.type())) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: %s must be [B, N, width] or [N, width] of F64, F32, F16 or BF16, or tokens [B, N] of I64: %s %s",
                source,
                given.name(),
                given.type(),
                Arrays.toString(given.shape())));
      }
      values = given;
      batch = shape[0];
      length = shape[1];
      width = tokens ? 0 : Math.toIntExact(shape[2]);
      mask = maskFile.isPresent() ? array(maskFile.get(), "padding_mask") : givenMask;
      lengths = givenLengths;
      coordinates = coordsFile.isPresent() ? array(coordsFile.get(), "coords") : givenCoords;
      checkSides();
    } catch (IOException | RuntimeException | Error e) {
      opened.closeAfter(e);
      throw e;
    }
  }

  /// @param mask a file of its own for `padding_mask`, `.npy` or safetensors
  /// @param coordinates likewise for `coords`
  /// @throws IllegalArgumentException one line: the file, the tensor and the shape it must have
  public static EmbeddingInput open(Path input, Optional<Path> mask, Optional<Path> coordinates)
      throws IOException {
    return new EmbeddingInput(input, mask, coordinates);
  }

  private SafetensorsFile open(Path path) throws IOException {
    String kind = FileKind.of(path).orElse("");
    if (kind.contains("NumPy") || kind.contains("torch.save")) {
      throw new IllegalArgumentException(
          path + " is " + kind + "; embeddings are read from safetensors and from .npy files");
    }
    return opened.push(SafetensorsFile.open(path));
  }

  private TensorEntry array(Path path, String name) throws IOException {
    return path.toString().endsWith(".npy") ? Npy.open(path, arena) : open(path).tensor(name);
  }

  private static TensorEntry values(SafetensorsFile file) {
    for (String name : new String[] {"embeddings", "tokens"}) {
      if (file.contains(name)) {
        return file.tensor(name);
      }
    }
    List<String> candidates =
        file.names().stream()
            .filter(n -> !n.equals("coords") && Numbers.isFloating(file.tensor(n).type()))
            .filter(n -> file.tensor(n).shape().length == 3 || file.tensor(n).shape().length == 2)
            .toList();
    if (candidates.size() != 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: needs a tensor embeddings [B, N, width] or tokens [B, N]: it holds %s",
              file.path(),
              file.names().stream().limit(10).toList()));
    }
    return file.tensor(candidates.getFirst());
  }

  private void checkSides() {
    if (mask != null && lengths != null) {
      throw new IllegalArgumentException(source + ": padding_mask and lengths exclude each other");
    }
    if (mask != null) {
      require(mask, "padding_mask", batch, length);
    }
    if (lengths != null) {
      require(lengths, "lengths", batch);
      for (long b = 0; b < batch; b++) {
        double n = Numbers.get(lengths.data(), lengths.type(), b);
        if (!(n >= 1 && n <= length)) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "%s: lengths must be from 1 to N=%d: lengths[%d]=%.0f",
                  source,
                  length,
                  b,
                  n));
        }
      }
    }
    if (coordinates != null) {
      require(coordinates, "coords", batch, length, 2);
    }
  }

  private void require(TensorEntry t, String name, long... shape) {
    long[] dropped = Arrays.copyOfRange(shape, 1, shape.length);
    if (!Arrays.equals(t.shape(), shape) && !(batch == 1 && Arrays.equals(t.shape(), dropped))) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %s must be %s: %s",
              source,
              name,
              Arrays.toString(shape),
              Arrays.toString(t.shape())));
    }
  }

  public String source() {
    return source;
  }

  /// Whether the input is token ids instead of vectors.
  public boolean isTokens() {
    return tokens;
  }

  /// B
  public long batch() {
    return batch;
  }

  /// N, padding included.
  public long length() {
    return length;
  }

  /// Of a vector; 0 for token ids.
  public int width() {
    return width;
  }

  public boolean hasCoordinates() {
    return coordinates != null;
  }

  /// The positions of a sequence that are no padding, in their order.
  ///
  /// @throws IllegalArgumentException when there is none
  public List<Run> runs(long sequence) {
    List<Run> runs = new ArrayList<>();
    if (lengths != null) {
      runs.add(new Run(0, (long) Numbers.get(lengths.data(), lengths.type(), sequence)));
    } else if (mask == null) {
      runs.add(new Run(0, length));
    } else {
      long start = -1;
      for (long p = 0; p <= length; p++) {
        boolean real =
            p < length && Numbers.get(mask.data(), mask.type(), sequence * length + p) == 0;
        if (real && start < 0) {
          start = p;
        } else if (!real && start >= 0) {
          runs.add(new Run(start, p - start));
          start = -1;
        }
      }
      if (runs.isEmpty()) {
        throw new IllegalArgumentException(
            String.format(Locale.ROOT, "%s: sequence %d is all padding", source, sequence));
      }
    }
    return runs;
  }

  /// Some neighbouring vectors [count, width], or ids `[count]`, as they lie in the file.
  public TensorEntry part(long sequence, long from, long count) {
    long row = (long) values.type().size() * Math.max(1, width);
    MemorySegment part = values.data().asSlice((sequence * length + from) * row, count * row);
    return new TensorEntry(
        values.name(),
        values.type(),
        tokens ? new long[] {count} : new long[] {count, width},
        part);
  }

  /// Their coordinates, [count][2]; null when the input has none.
  public double @Nullable [][] coordinates(long sequence, long from, long count) {
    if (coordinates == null) {
      return null;
    }
    double[][] part = new double[Math.toIntExact(count)][2];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < 2; j++) {
        part[i][j] =
            Numbers.get(
                coordinates.data(), coordinates.type(), (sequence * length + from + i) * 2 + j);
      }
    }
    return part;
  }

  @Override
  public void close() throws IOException {
    opened.close();
  }
}
