// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;

/// The forward fold in vector loops. It works tile by tile.
@SuppressWarnings("NarrowCalculation") // bytes of one fold's working memory: far below 2^31
final class SimdForward extends ForwardScratch {
  private final MemorySegment panels = allocate((long) KEYS * paddedSize);
  private final MemorySegment values = allocate((long) KEYS * paddedSize);
  private final MemorySegment keyRows = allocate((long) loops.panelKeys * paddedSize);
  private final MemorySegment queries = allocate((long) QUERIES * paddedSize);
  private final MemorySegment tile = allocate((long) TILE * paddedSize);
  private final MemorySegment scores = allocate((long) TILE * VectorLoops.KEYS);
  private final MemorySegment max = allocate((long) TILE * loops.lanes);

  SimdForward(VectorLoops loops, int headSize) {
    super(loops, headSize);
  }

  @Override
  void packKeys(Source key, Source value, long from, int count) {
    int panel = loops.panelKeys;
    for (int at = 0; at < count; at += panel) {
      int n = Math.min(panel, count - at);
      value.pack(from + at, n, 1f, values.address() + (long) at * rowBytes);
      transpose(key, from + at, n, keyRows.address(), panels.address() + at / panel * panelBytes());
    }
  }

  @Override
  void packQueries(Source query, long block, int rows) {
    query.pack(block, rows, scale, queries.address());
  }

  @Override
  void attend(int rows) {
    for (int from = 0; from < limits[rows - 1]; from += VectorLoops.KEYS) {
      for (int row = 0; row < rows; row += TILE) {
        int count = Math.min(VectorLoops.KEYS, limits[row + TILE - 1] - from);
        if (count > 0) {
          attend(row, from, count);
        }
      }
    }
  }

  private void attend(int row, int from, int count) {
    loops.fill(max.address(), (long) TILE * loops.lanes * 4, VectorLoops.LOWEST);
    long query = queries.address() + (long) row * rowBytes;
    long keys = panels.address() + (long) from * rowBytes;
    // Panels that every row of the tile sees whole; in the others some keys must be hidden, also
    // from a row's maximum.
    int open = Math.clamp(limits[row] - from, 0, count) / loops.panelKeys;
    int registers = Math.ceilDiv(count, loops.lanes);
    int clear = open * loops.panelKeys / loops.lanes;
    if (open > 0) {
      loops.scores(
          query, rowBytes, keys, panelBytes(), scores.address(), open, headSize, max.address());
    }
    if (clear < registers) {
      loops.products(
          query,
          rowBytes,
          keys + open * panelBytes(),
          panelBytes(),
          scores.address() + clear * loops.lanes * 4L,
          registers - clear,
          headSize);
      loops.maskedMax(scores.address(), clear, registers, limits, row, from, max.address());
    }
    long shift = shifts.address() + row * 4L;
    loops.shift(max.address(), shift, factors.address());
    loops.softmax(
        scores.address(),
        clear,
        registers,
        limits,
        row,
        from,
        shift,
        factors.address(),
        sums.address() + (long) row * loops.lanes * 4);
    long to = outputs.address() + (long) row * rowBytes;
    long rows = values.address() + (long) from * rowBytes;
    if (from == 0) {
      loops.mix(scores.address(), rows, rowBytes, to, count, paddedSize);
    } else {
      loops.mix(scores.address(), rows, rowBytes, tile.address(), count, paddedSize);
      loops.combine(tile.address(), to, factors.address(), rowBytes);
    }
  }
}
