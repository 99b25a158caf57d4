// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// The off-heap working memory of one fold: a few MiB for D = 64, whatever the sequence's length.
/// The kernels keep one in a [ScratchPool] for each thread at work. The garbage collector frees it
/// when the pool drops it.
@SuppressWarnings("NarrowCalculation") // bytes of one fold's working memory: far below 2^31
abstract class Scratch {
  /// [#transpose] takes the keys of a fold where they are when there are no more than these: at D =
  /// 64 the rows of all heads then fit a core's second cache.
  private static final int NEAR = 64;

  final VectorLoops loops;
  final int headSize;

  /// Bytes of a packed row: D rounded up to whole registers.
  final int rowBytes;

  final int paddedSize;

  /// 1 / sqrt(D).
  final float scale;

  private final Arena arena = Arena.ofAuto();

  Scratch(VectorLoops loops, int headSize) {
    this.loops = loops;
    this.headSize = headSize;
    this.paddedSize = Math.ceilDiv(headSize, loops.lanes) * loops.lanes;
    this.rowBytes = paddedSize * 4;
    this.scale = (float) (1 / Math.sqrt(headSize));
  }

  /// Zeroed floats, aligned to a cache line.
  final MemorySegment allocate(long floats) {
    return arena.allocate(floats * 4, 64);
  }

  final long panelBytes() {
    return (long) loops.panelKeys * rowBytes;
  }

  /// Fills a panel with `count` rows from `from` on; it has room for as many keys. The rows of a
  /// short fold have as a rule just been read (`Blocks` of the façade), so they are taken where
  /// they are. Other rows are first packed next to one another in `packed`: that waits for memory
  /// once for many rows.
  final void transpose(Source rows, long from, int count, long packed, long panel) {
    if (rows.count() <= NEAR && rows.inPlace()) {
      loops.transpose(rows.address(from, count), rows.stride(), count, headSize, panel);
    } else {
      rows.pack(from, count, 1f, packed);
      loops.transpose(packed, rowBytes, count, headSize, panel);
    }
  }

  static boolean floatsOffHeap(HeadRows rows) {
    return rows.type() == ElementType.FLOAT32 && rows.data().isNative();
  }

  /// Rows by address. Off-heap rows are read in place; rows on the heap are copied here first.
  final class Source {
    private final HeadRows rows;
    private final MemorySegment copy;
    private final long base;
    private final long stride;
    private final int most;

    /// @param copy room for as many rows as are asked for at once, used for rows on the heap
    Source(HeadRows rows, MemorySegment copy) {
      this.rows = rows;
      this.copy = copy;
      boolean inPlace = rows.data().isNative();
      this.base = inPlace ? rows.data().address() : 0;
      this.most = (int) (copy.byteSize() / (headSize * 4L));
      this.stride =
          inPlace ? rows.stride() * rows.type().bytes() : (long) headSize * rows.type().bytes();
    }

    /// Packs rows `from` … `from + count` to `to`, scaled, as float32.
    void pack(long from, int count, float scale, long to) {
      long address = address(from, count);
      switch (rows.type()) {
        case FLOAT32 -> loops.packFloats(address, stride, count, headSize, scale, to, rowBytes);
        case BFLOAT16 -> loops.packBfloats(address, stride, count, headSize, scale, to, rowBytes);
        case FLOAT64 -> throw new IllegalStateException("float64 rows have loops of their own");
      }
    }

    /// Copies bfloat16 rows with an even number of elements to `to`, one after another.
    void copy(long from, int count, long to) {
      for (int done = 0; done < count; done += most) {
        int n = Math.min(most, count - done);
        loops.copy(
            address(from + done, n),
            stride,
            n,
            headSize / 2,
            to + done * headSize * 2L,
            headSize * 2L);
      }
    }

    long address(long from, int count) {
      if (rows.data().isNative()) {
        return base + rows.byteOffset(from);
      }
      for (int i = 0; i < count; i++) {
        MemorySegment.copy(rows.data(), rows.byteOffset(from + i), copy, i * stride, stride);
      }
      return copy.address();
    }

    long stride() {
      return stride;
    }

    /// The address of the same rows as float32, [#floatStride] bytes apart: in place, else packed
    /// to `to`.
    long floats(long from, int count, long to) {
      if (inPlace()) {
        return address(from, count);
      }
      pack(from, count, 1f, to);
      return to;
    }

    long floatStride() {
      return inPlace() ? stride : rowBytes;
    }

    private boolean inPlace() {
      return floatsOffHeap(rows);
    }

    private long count() {
      return rows.count();
    }

    /// Writes rows back that were copied to be updated.
    void writeBack(long from, int count) {
      if (!rows.data().isNative()) {
        for (int i = 0; i < count; i++) {
          MemorySegment.copy(copy, i * stride, rows.data(), rows.byteOffset(from + i), stride);
        }
      }
    }
  }

  /// `to[i]` becomes the value of row `first + i`. It is read by address where that is possible,
  /// because a segment's own access is slow once it has met several kinds of memory.
  static void read(RowScalars scalars, long first, int count, double[] to) {
    if (!scalars.data().isNative()) {
      for (int i = 0; i < count; i++) {
        to[i] = scalars.get(first + i);
      }
      return;
    }
    long address = scalars.data().address() + scalars.byteOffset(first);
    if (scalars.float64()) {
      for (int i = 0; i < count; i++) {
        to[i] = OffHeap.ALL.get(OffHeap.DOUBLE, address + i * 8L * scalars.stride());
      }
    } else {
      for (int i = 0; i < count; i++) {
        to[i] = OffHeap.ALL.get(OffHeap.FLOAT, address + i * 4L * scalars.stride());
      }
    }
  }

  /// The reverse of [#read].
  static void write(double[] from, RowScalars scalars, long first, int count) {
    if (!scalars.data().isNative()) {
      for (int i = 0; i < count; i++) {
        scalars.set(first + i, from[i]);
      }
      return;
    }
    long address = scalars.data().address() + scalars.byteOffset(first);
    if (scalars.float64()) {
      for (int i = 0; i < count; i++) {
        OffHeap.ALL.set(OffHeap.DOUBLE, address + i * 8L * scalars.stride(), from[i]);
      }
    } else {
      for (int i = 0; i < count; i++) {
        OffHeap.ALL.set(OffHeap.FLOAT, address + i * 4L * scalars.stride(), (float) from[i]);
      }
    }
  }

  /// Counts how many of the keys each query row sees, from query `first` on. The rows that only
  /// fill the last tile get the last query's count.
  static void limits(Rows queries, long first, int rows, Rows keys, boolean causal, int[] limits) {
    if (!causal) {
      Arrays.fill(limits, (int) keys.count());
    } else if (queries.stride() == keys.stride()) {
      // One division for all: the next query sees one key more.
      long seen = Math.floorDiv(queries.position(first) - keys.first(), keys.stride()) + 1;
      for (int i = 0; i < rows; i++) {
        limits[i] = (int) Math.clamp(seen + i, 0L, keys.count());
      }
    } else {
      for (int i = 0; i < rows; i++) {
        limits[i] = (int) keys.countUpTo(queries.position(first + i));
      }
    }
    Arrays.fill(limits, rows, limits.length, limits[rows - 1]);
  }

  /// ln x for a positive normal x, to 1e-9. It is inlined and overlaps with its neighbours, which
  /// `Math.log` does not.
  static double log(float x) {
    int bits = Float.floatToRawIntBits(x);
    // x = 2^exponent m with m in [1/sqrt 2, sqrt 2); ln m = 2 artanh s
    int exponent = bits - 0x3F3504F3 >> 23;
    double m = Float.intBitsToFloat(bits - (exponent << 23));
    double s = (m - 1) / (m + 1);
    double t = s * s;
    return exponent * 0.6931471805599453
        + 2
            * s
            * (1 + t * (1.0 / 3 + t * (1.0 / 5 + t * (1.0 / 7 + t * (1.0 / 9 + t * (1.0 / 11))))));
  }

  static void setFloat(MemorySegment floats, int index, float value) {
    floats.set(ValueLayout.JAVA_FLOAT, index * 4L, value);
  }

  static float getFloat(MemorySegment floats, int index) {
    return floats.get(ValueLayout.JAVA_FLOAT, index * 4L);
  }
}
