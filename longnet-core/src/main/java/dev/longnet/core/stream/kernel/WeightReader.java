// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.Int8Rows;
import dev.longnet.core.io.TensorEntry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/// Reads named tensors of a checkpoint into packed matrices: float32, bfloat16 or float16 as
/// float32; int8 with its scales as it is.
public final class WeightReader {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort B16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Function<String, TensorEntry> tensors;
  private final int panelWidth;
  private final NativeMemory memory;
  private final List<PackedMatrix> matrices = new ArrayList<>();

  /// @param tensors by name; throws an IllegalArgumentException where one is missing
  /// @param panelWidth of the kernels that will read the matrices
  /// @param memory for all that is read
  public WeightReader(Function<String, TensorEntry> tensors, int panelWidth, NativeMemory memory) {
    this.tensors = tensors;
    this.panelWidth = panelWidth;
    this.memory = memory;
  }

  /// Bytes of all matrices read so far.
  public long matrixBytes() {
    return matrices.stream().mapToLong(PackedMatrix::bytes).sum();
  }

  /// `name.weight` and `name.bias` `[width]`.
  public NormWeights norm(String name, int width) {
    return new NormWeights(vector(name + ".weight", width), vector(name + ".bias", width), width);
  }

  /// Linear maps of one width as one: outputs of the first, then of the second, …
  ///
  /// @param names of maps with `name.weight` [outEach, in] and `name.bias` `[outEach]`
  public PackedMatrix linear(List<String> names, int outEach, int in) {
    return matrix(
        names.stream().map(n -> n + ".weight").toList(),
        outEach,
        in,
        names.stream().map(n -> n + ".bias").toList());
  }

  /// A vector, as float32 off heap.
  public NativeFloats vector(String name, int length) {
    NativeFloats vector = memory.floats(length);
    MemorySegment.copy(
        floats(name, length), 0, vector.segment(), ValueLayout.JAVA_FLOAT, 0, length);
    return vector;
  }

  /// Weights of depthwise convolutions side by side, tap after tap.
  ///
  /// @param names of tensors [channels, 1, taps]
  /// @return [taps, names * channels]
  public NativeFloats taps(List<String> names, int channels, int taps) {
    int width = names.size() * channels;
    NativeFloats all = memory.floats((long) taps * width);
    for (int i = 0; i < names.size(); i++) {
      float[] values = new float[channels * taps];
      readFloats(entry(names.get(i), channels, 1, taps), 0, values);
      for (int j = 0; j < values.length; j++) {
        all.set((long) (j % taps) * width + (long) i * channels + j / taps, values[j]);
      }
    }
    return all;
  }

  private float[] floats(String name, int length) {
    float[] values = new float[length];
    readFloats(entry(name, length), 0, values);
    return values;
  }

  /// One matrix out of several of one width, stacked: outputs of the first, then of the second, …
  ///
  /// @param biases as many as names, or empty
  public PackedMatrix matrix(List<String> names, int outEach, int in, List<String> biases) {
    PackedMatrix matrix = pack(names, outEach, in, biases);
    matrices.add(matrix);
    return matrix;
  }

  private PackedMatrix pack(List<String> names, int outEach, int in, List<String> biases) {
    List<TensorEntry> parts = names.stream().map(name -> entry(name, outEach, in)).toList();
    float[] bias = new float[biases.size() * outEach];
    for (int i = 0; i < biases.size(); i++) {
      System.arraycopy(floats(biases.get(i), outEach), 0, bias, i * outEach, outEach);
    }
    int out = names.size() * outEach;
    long quantized = parts.stream().filter(p -> p.type() == DType.I8).count();
    if (quantized != 0 && quantized != parts.size()) {
      throw new IllegalArgumentException("either all or none of these must be int8: " + names);
    }
    if (quantized == 0) {
      return PackedMatrix.of(
          memory,
          out,
          in,
          panelWidth,
          (n, row) -> readFloats(parts.get(n / outEach), (long) (n % outEach) * in, row),
          bias);
    }
    List<float[]> scales =
        names.stream().map(name -> floats(name + Int8Rows.SCALE, outEach)).toList();
    return PackedMatrix.ofQuantized(
        memory,
        out,
        in,
        panelWidth,
        (n, row) -> {
          long from = (long) (n % outEach) * in;
          MemorySegment.copy(
              parts.get(n / outEach).data(), ValueLayout.JAVA_BYTE, from, row, 0, in);
          return scales.get(n / outEach)[n % outEach];
        },
        bias);
  }

  private TensorEntry entry(String name, long... shape) {
    TensorEntry entry = tensors.apply(name);
    if (!Arrays.equals(entry.shape(), shape)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s must have the shape %s of the model's configuration: shape=%s",
              name,
              Arrays.toString(shape),
              Arrays.toString(entry.shape())));
    }
    return entry;
  }

  private static void readFloats(TensorEntry entry, long from, float[] to) {
    MemorySegment data = entry.data();
    for (int i = 0; i < to.length; i++) {
      long at = from + i;
      to[i] =
          switch (entry.type()) {
            case F32 -> data.get(F32, 4 * at);
            case BF16 -> Float.intBitsToFloat(data.get(B16, 2 * at) << 16);
            case F16 -> Float.float16ToFloat(data.get(B16, 2 * at));
            default ->
                throw new IllegalArgumentException(
                    "tensor "
                        + entry.name()
                        + " must be F32, BF16, F16, or I8 with scales: dtype="
                        + entry.type());
          };
    }
  }
}
