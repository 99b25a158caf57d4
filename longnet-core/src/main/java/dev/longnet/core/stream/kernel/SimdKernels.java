// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static dev.longnet.core.stream.kernel.NativeFloats.store;

import dev.longnet.core.config.Activation;

/// Vector API kernels, at the machine's preferred width.
final class SimdKernels implements Kernels {
  private static final int PANEL = SimdTiles.VECTORS * SimdTiles.LANES;
  private static final int ROWS = 6;

  /// Inputs of a panel that are used again from the second-level cache: 256 KB at 512 bits.
  private static final int DEPTH = 1024;

  @Override
  public int panelWidth() {
    return PANEL;
  }

  /// A tile's result, a start of zeros, an expanded piece of panel.
  @Override
  public int productScratch() {
    return ROWS * PANEL + PANEL + DEPTH * PANEL;
  }

  @Override
  public void product(
      long x,
      long xStride,
      int rows,
      PackedMatrix w,
      int fromPanel,
      int toPanel,
      long y,
      long yStride,
      long scratch) {
    long tile = scratch;
    long zeros = tile + 4L * ROWS * PANEL;
    long expanded = zeros + 4L * PANEL;
    for (int i = 0; i < PANEL; i++) {
      store(zeros + 4L * i, 0);
    }
    for (int panel = fromPanel; panel < toPanel; panel++) {
      int columns = Math.min(PANEL, w.out() - panel * PANEL);
      long to = y + 4L * panel * PANEL;
      for (int k = 0; k < w.in(); k += DEPTH) {
        int depth = Math.min(DEPTH, w.in() - k);
        long start = k == 0 ? w.bias(panel) : zeros;
        long from = x + 4L * k;
        if (w.quantized() && rows == 1) {
          if (columns == PANEL) {
            quantizedRow(from, depth, w.panel(panel, k), w.scales(panel), k == 0 ? start : to, to);
          } else {
            quantizedRow(from, depth, w.panel(panel, k), w.scales(panel), start, tile);
            combine(tile, to, 1, columns, yStride, k > 0);
          }
          continue;
        }
        long weights = w.panel(panel, k);
        if (w.quantized()) {
          SimdTiles.dequantize(weights, depth, w.scales(panel), expanded);
          weights = expanded;
        }
        boolean direct = k == 0 && columns == PANEL;
        for (int row = 0; row < rows; row += ROWS) {
          int count = Math.min(ROWS, rows - row);
          long xRow = from + 4L * row * xStride;
          long yRow = to + 4L * row * yStride;
          if (direct && (count == ROWS || count == 1)) {
            tile(xRow, xStride, count, depth, weights, start, yRow, 4 * yStride);
          } else {
            tile(xRow, xStride, count, depth, weights, start, tile, 4L * PANEL);
            combine(tile, yRow, count, columns, yStride, k > 0);
          }
        }
      }
    }
  }

  private static void quantizedRow(long x, int depth, long w, long scale, long start, long y) {
    if (SimdTiles.WIDE) {
      SimdTiles.quantizedRow4(x, depth, w, scale, start, y);
    } else {
      SimdTiles.quantizedRow2(x, depth, w, scale, start, y);
    }
  }

  /// A tile of 2 to 5 rows computes its last one again and again instead of having code of its own.
  private static void tile(
      long x, long xStride, int count, int depth, long w, long start, long y, long yStride) {
    if (count == 1) {
      if (SimdTiles.WIDE) {
        SimdTiles.tile1x4(x, depth, w, start, y, yStride);
      } else {
        SimdTiles.tile1x2(x, depth, w, start, y, yStride);
      }
      return;
    }
    long step = 4 * xStride;
    long x1 = x + step;
    long x2 = x + step * Math.min(2, count - 1);
    long x3 = x + step * Math.min(3, count - 1);
    long x4 = x + step * Math.min(4, count - 1);
    long x5 = x + step * Math.min(5, count - 1);
    if (SimdTiles.WIDE) {
      SimdTiles.tile6x4(x, x1, x2, x3, x4, x5, depth, w, start, y, yStride);
    } else {
      SimdTiles.tile6x2(x, x1, x2, x3, x4, x5, depth, w, start, y, yStride);
    }
  }

  private static void combine(long tile, long y, int rows, int columns, long yStride, boolean add) {
    for (int row = 0; row < rows; row++) {
      long from = tile + 4L * row * PANEL;
      long to = y + 4L * row * yStride;
      if (add) {
        SimdLoops.add(from, to, columns);
      } else {
        NativeFloats.copy(from, to, 4L * columns);
      }
    }
  }

  @Override
  public void layerNorm(
      long x, long xStride, int rows, int width, long gain, long bias, long y, long yStride) {
    for (int row = 0; row < rows; row++) {
      SimdLoops.layerNorm(x + 4L * row * xStride, width, gain, bias, y + 4L * row * yStride);
    }
  }

  @Override
  public void activate(Activation a, long x, long count) {
    switch (a) {
      case GELU -> SimdLoops.gelu(x, count);
      case RELU -> SimdLoops.relu(x, count);
      case SWISH -> SimdLoops.swish(x, count);
    }
  }

  @Override
  public void add(long x, long y, long count) {
    SimdLoops.add(x, y, count);
  }

  @Override
  public void scaleRows(long x, long rows, int width, long factors) {
    for (long row = 0; row < rows; row++) {
      SimdLoops.multiply(x + 4L * row * width, factors, width);
    }
  }

  @Override
  public void rotate(long x, long xStride, int rows, int heads, int headSize, long cos, long sin) {
    for (int row = 0; row < rows; row++) {
      SimdLoops.rotate(
          x + 4L * row * xStride,
          heads,
          headSize,
          cos + 4L * row * headSize,
          sin + 4L * row * headSize);
    }
  }

  @Override
  public void convolve(
      long x, long xStride, int rows, int columns, long taps, int count, long past, long stride) {
    // From the last row, so that earlier ones are still there.
    for (int t = rows - 1; t >= 0; t--) {
      int before = Math.max(0, count - 1 - t);
      SimdLoops.convolve(
          past + 4L * t * stride,
          before,
          x + 4L * (t + before - count + 1) * xStride,
          4 * xStride,
          taps,
          count,
          4 * stride,
          columns,
          x + 4L * t * xStride);
    }
  }

  @Override
  public float logSumExp(long x, int count) {
    float largest = SimdLoops.max(x, count);
    return largest + (float) Math.log(SimdLoops.sumExp(x, count, largest));
  }

  @Override
  public void attend(
      long q,
      long k,
      long v,
      long count,
      int headSize,
      float scale,
      long scores,
      long out,
      long maxAndSum) {
    SimdLoops.attend(q, k, v, count, headSize, scale, scores, out, maxAndSum);
  }

  @Override
  public String description() {
    return "simd " + SimdTiles.S.vectorBitSize() + "-bit";
  }
}
