// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import dev.longnet.attention.kernel.OffHeap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A weight matrix [out, in] and its bias, laid out once the way the kernels read it: panels of
/// `panelWidth` outputs, each `in` rows of `panelWidth` neighbouring numbers, the last panel filled
/// up with zeros. As float32, or as int8 with one float32 scale an output (w = scale * i, i in
/// [-127, 127]): a quarter of the memory.
///
/// Immutable once filled; any number of threads may read it.
public final class PackedMatrix {
  /// Reads an element of the matrix to pack.
  @FunctionalInterface
  public interface Rows {
    /// Copies row `index` (`in` numbers) into `row`.
    void read(int index, float[] row);
  }

  /// Reads rows that are quantised already.
  @FunctionalInterface
  public interface QuantizedRows {
    /// Copies row `index` (`in` bytes) into `row` and returns its scale.
    float read(int index, byte[] row);
  }

  private final int out;
  private final int in;
  private final int panelWidth;
  private final boolean quantized;
  private final NativeFloats weights;
  private final NativeFloats scales;
  private final NativeFloats bias;

  private PackedMatrix(NativeMemory memory, int out, int in, int panelWidth, boolean quantized) {
    this.out = out;
    this.in = in;
    this.panelWidth = panelWidth;
    this.quantized = quantized;
    long padded = (long) panels() * panelWidth;
    this.weights = memory.floats(quantized ? (padded * in + 3) / 4 : padded * in);
    this.scales = memory.floats(quantized ? padded : 0);
    this.bias = memory.floats(padded);
  }

  /// Packs a float32 matrix.
  ///
  /// @param bias [out], or an empty array for none
  public static PackedMatrix of(
      NativeMemory memory, int out, int in, int panelWidth, Rows rows, float[] bias) {
    PackedMatrix packed = new PackedMatrix(memory, out, in, panelWidth, false);
    float[] row = new float[in];
    for (int n = 0; n < out; n++) {
      rows.read(n, row);
      long at = packed.weights.address() + 4 * packed.index(n, 0);
      for (int k = 0; k < in; k++) {
        NativeFloats.store(at + 4L * k * panelWidth, row[k]);
      }
    }
    packed.setBias(bias);
    return packed;
  }

  /// Packs an int8 matrix.
  ///
  /// @param bias [out], or an empty array for none
  public static PackedMatrix ofQuantized(
      NativeMemory memory, int out, int in, int panelWidth, QuantizedRows rows, float[] bias) {
    PackedMatrix packed = new PackedMatrix(memory, out, in, panelWidth, true);
    byte[] row = new byte[in];
    for (int n = 0; n < out; n++) {
      packed.scales.set(n, rows.read(n, row));
      long at = packed.weights.address() + packed.index(n, 0);
      for (int k = 0; k < in; k++) {
        OffHeap.ALL.set(ValueLayout.JAVA_BYTE, at + (long) k * panelWidth, row[k]);
      }
    }
    packed.setBias(bias);
    return packed;
  }

  private void setBias(float[] values) {
    if (values.length != 0 && values.length != out) {
      throw new IllegalArgumentException("bias must have " + out + " numbers: " + values.length);
    }
    MemorySegment.copy(values, 0, bias.segment(), OffHeap.FLOAT, 0, values.length);
  }

  /// Element index of (output n, input k).
  private long index(int n, int k) {
    return ((long) (n / panelWidth) * in + k) * panelWidth + n % panelWidth;
  }

  /// Writes row n of the matrix, as float32, to `to`.
  public void row(int n, long to) {
    long from = index(n, 0);
    if (quantized) {
      float scale = scales.get(n);
      for (int k = 0; k < in; k++) {
        byte value =
            OffHeap.ALL.get(
                ValueLayout.JAVA_BYTE, weights.address() + from + (long) k * panelWidth);
        NativeFloats.store(to + 4L * k, scale * value);
      }
    } else {
      for (int k = 0; k < in; k++) {
        NativeFloats.store(
            to + 4L * k, NativeFloats.load(weights.address() + 4 * (from + (long) k * panelWidth)));
      }
    }
  }

  public int out() {
    return out;
  }

  public int in() {
    return in;
  }

  public int panels() {
    return Math.ceilDiv(out, panelWidth);
  }

  int panelWidth() {
    return panelWidth;
  }

  boolean quantized() {
    return quantized;
  }

  /// Address of input row k of a panel.
  long panel(int panel, int k) {
    return weights.address() + ((long) panel * in + k) * panelWidth * (quantized ? 1 : 4);
  }

  long scales(int panel) {
    return scales.address() + 4L * panel * panelWidth;
  }

  long bias(int panel) {
    return bias.address() + 4L * panel * panelWidth;
  }

  /// Bytes that a product reads once: weights, scales, bias.
  public long bytes() {
    return weights.bytes() + scales.bytes() + bias.bytes();
  }
}
