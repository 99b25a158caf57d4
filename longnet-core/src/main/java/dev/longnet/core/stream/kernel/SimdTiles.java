package dev.longnet.core.stream.kernel;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.FLOAT;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// The innermost loops of a matrix product: tiles of accumulators that C2 keeps in registers (24 of
/// 32 with AVX-512 and NEON, 12 of 16 with AVX2). Written out: helpers are not forced inline, and a
/// tile that spills is ten times slower.
final class SimdTiles {
  static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  static final int LANES = S.length();

  /// Bytes of one register.
  static final int B = S.vectorByteSize();

  static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /// Only AVX2's class of machines has 16 registers of 256 bits.
  static final boolean WIDE = S.vectorBitSize() != 256;

  static final int VECTORS = WIDE ? 4 : 2;

  private SimdTiles() {}

  /// 6 rows x 4 registers of outputs over `depth` inputs; row r of the result goes to y + r yStride
  /// (bytes).
  static void tile6x4(
      long x0,
      long x1,
      long x2,
      long x3,
      long x4,
      long x5,
      int depth,
      long w,
      long start,
      long y,
      long yStride) {
    FloatVector s0 = FloatVector.fromMemorySegment(S, ALL, start + 0L * B, ORDER);
    FloatVector s1 = FloatVector.fromMemorySegment(S, ALL, start + 1L * B, ORDER);
    FloatVector s2 = FloatVector.fromMemorySegment(S, ALL, start + 2L * B, ORDER);
    FloatVector s3 = FloatVector.fromMemorySegment(S, ALL, start + 3L * B, ORDER);
    FloatVector c00 = s0, c01 = s1, c02 = s2, c03 = s3;
    FloatVector c10 = s0, c11 = s1, c12 = s2, c13 = s3;
    FloatVector c20 = s0, c21 = s1, c22 = s2, c23 = s3;
    FloatVector c30 = s0, c31 = s1, c32 = s2, c33 = s3;
    FloatVector c40 = s0, c41 = s1, c42 = s2, c43 = s3;
    FloatVector c50 = s0, c51 = s1, c52 = s2, c53 = s3;
    for (int k = 0; k < depth; k++) {
      long p = w + k * (4L * B);
      long i = k * 4L;
      FloatVector b0 = FloatVector.fromMemorySegment(S, ALL, p + 0L * B, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(S, ALL, p + 1L * B, ORDER);
      FloatVector b2 = FloatVector.fromMemorySegment(S, ALL, p + 2L * B, ORDER);
      FloatVector b3 = FloatVector.fromMemorySegment(S, ALL, p + 3L * B, ORDER);
      FloatVector a0 = FloatVector.broadcast(S, ALL.get(FLOAT, x0 + i));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = FloatVector.broadcast(S, ALL.get(FLOAT, x1 + i));
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = FloatVector.broadcast(S, ALL.get(FLOAT, x2 + i));
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = FloatVector.broadcast(S, ALL.get(FLOAT, x3 + i));
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      FloatVector a4 = FloatVector.broadcast(S, ALL.get(FLOAT, x4 + i));
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      c42 = a4.fma(b2, c42);
      c43 = a4.fma(b3, c43);
      FloatVector a5 = FloatVector.broadcast(S, ALL.get(FLOAT, x5 + i));
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      c52 = a5.fma(b2, c52);
      c53 = a5.fma(b3, c53);
    }
    c00.intoMemorySegment(ALL, y + 0L * yStride + 0L * B, ORDER);
    c01.intoMemorySegment(ALL, y + 0L * yStride + 1L * B, ORDER);
    c02.intoMemorySegment(ALL, y + 0L * yStride + 2L * B, ORDER);
    c03.intoMemorySegment(ALL, y + 0L * yStride + 3L * B, ORDER);
    c10.intoMemorySegment(ALL, y + 1L * yStride + 0L * B, ORDER);
    c11.intoMemorySegment(ALL, y + 1L * yStride + 1L * B, ORDER);
    c12.intoMemorySegment(ALL, y + 1L * yStride + 2L * B, ORDER);
    c13.intoMemorySegment(ALL, y + 1L * yStride + 3L * B, ORDER);
    c20.intoMemorySegment(ALL, y + 2L * yStride + 0L * B, ORDER);
    c21.intoMemorySegment(ALL, y + 2L * yStride + 1L * B, ORDER);
    c22.intoMemorySegment(ALL, y + 2L * yStride + 2L * B, ORDER);
    c23.intoMemorySegment(ALL, y + 2L * yStride + 3L * B, ORDER);
    c30.intoMemorySegment(ALL, y + 3L * yStride + 0L * B, ORDER);
    c31.intoMemorySegment(ALL, y + 3L * yStride + 1L * B, ORDER);
    c32.intoMemorySegment(ALL, y + 3L * yStride + 2L * B, ORDER);
    c33.intoMemorySegment(ALL, y + 3L * yStride + 3L * B, ORDER);
    c40.intoMemorySegment(ALL, y + 4L * yStride + 0L * B, ORDER);
    c41.intoMemorySegment(ALL, y + 4L * yStride + 1L * B, ORDER);
    c42.intoMemorySegment(ALL, y + 4L * yStride + 2L * B, ORDER);
    c43.intoMemorySegment(ALL, y + 4L * yStride + 3L * B, ORDER);
    c50.intoMemorySegment(ALL, y + 5L * yStride + 0L * B, ORDER);
    c51.intoMemorySegment(ALL, y + 5L * yStride + 1L * B, ORDER);
    c52.intoMemorySegment(ALL, y + 5L * yStride + 2L * B, ORDER);
    c53.intoMemorySegment(ALL, y + 5L * yStride + 3L * B, ORDER);
  }

  /// 1 rows x 4 registers of outputs over `depth` inputs; row r of the result goes to y + r yStride
  /// (bytes).
  static void tile1x4(long x0, int depth, long w, long start, long y, long yStride) {
    FloatVector s0 = FloatVector.fromMemorySegment(S, ALL, start + 0L * B, ORDER);
    FloatVector s1 = FloatVector.fromMemorySegment(S, ALL, start + 1L * B, ORDER);
    FloatVector s2 = FloatVector.fromMemorySegment(S, ALL, start + 2L * B, ORDER);
    FloatVector s3 = FloatVector.fromMemorySegment(S, ALL, start + 3L * B, ORDER);
    FloatVector c00 = s0, c01 = s1, c02 = s2, c03 = s3;
    for (int k = 0; k < depth; k++) {
      long p = w + k * (4L * B);
      long i = k * 4L;
      FloatVector b0 = FloatVector.fromMemorySegment(S, ALL, p + 0L * B, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(S, ALL, p + 1L * B, ORDER);
      FloatVector b2 = FloatVector.fromMemorySegment(S, ALL, p + 2L * B, ORDER);
      FloatVector b3 = FloatVector.fromMemorySegment(S, ALL, p + 3L * B, ORDER);
      FloatVector a0 = FloatVector.broadcast(S, ALL.get(FLOAT, x0 + i));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
    }
    c00.intoMemorySegment(ALL, y + 0L * yStride + 0L * B, ORDER);
    c01.intoMemorySegment(ALL, y + 0L * yStride + 1L * B, ORDER);
    c02.intoMemorySegment(ALL, y + 0L * yStride + 2L * B, ORDER);
    c03.intoMemorySegment(ALL, y + 0L * yStride + 3L * B, ORDER);
  }

  /// 6 rows x 2 registers of outputs over `depth` inputs; row r of the result goes to y + r yStride
  /// (bytes).
  static void tile6x2(
      long x0,
      long x1,
      long x2,
      long x3,
      long x4,
      long x5,
      int depth,
      long w,
      long start,
      long y,
      long yStride) {
    FloatVector s0 = FloatVector.fromMemorySegment(S, ALL, start + 0L * B, ORDER);
    FloatVector s1 = FloatVector.fromMemorySegment(S, ALL, start + 1L * B, ORDER);
    FloatVector c00 = s0, c01 = s1;
    FloatVector c10 = s0, c11 = s1;
    FloatVector c20 = s0, c21 = s1;
    FloatVector c30 = s0, c31 = s1;
    FloatVector c40 = s0, c41 = s1;
    FloatVector c50 = s0, c51 = s1;
    for (int k = 0; k < depth; k++) {
      long p = w + k * (2L * B);
      long i = k * 4L;
      FloatVector b0 = FloatVector.fromMemorySegment(S, ALL, p + 0L * B, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(S, ALL, p + 1L * B, ORDER);
      FloatVector a0 = FloatVector.broadcast(S, ALL.get(FLOAT, x0 + i));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(S, ALL.get(FLOAT, x1 + i));
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(S, ALL.get(FLOAT, x2 + i));
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(S, ALL.get(FLOAT, x3 + i));
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(S, ALL.get(FLOAT, x4 + i));
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(S, ALL.get(FLOAT, x5 + i));
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
    }
    c00.intoMemorySegment(ALL, y + 0L * yStride + 0L * B, ORDER);
    c01.intoMemorySegment(ALL, y + 0L * yStride + 1L * B, ORDER);
    c10.intoMemorySegment(ALL, y + 1L * yStride + 0L * B, ORDER);
    c11.intoMemorySegment(ALL, y + 1L * yStride + 1L * B, ORDER);
    c20.intoMemorySegment(ALL, y + 2L * yStride + 0L * B, ORDER);
    c21.intoMemorySegment(ALL, y + 2L * yStride + 1L * B, ORDER);
    c30.intoMemorySegment(ALL, y + 3L * yStride + 0L * B, ORDER);
    c31.intoMemorySegment(ALL, y + 3L * yStride + 1L * B, ORDER);
    c40.intoMemorySegment(ALL, y + 4L * yStride + 0L * B, ORDER);
    c41.intoMemorySegment(ALL, y + 4L * yStride + 1L * B, ORDER);
    c50.intoMemorySegment(ALL, y + 5L * yStride + 0L * B, ORDER);
    c51.intoMemorySegment(ALL, y + 5L * yStride + 1L * B, ORDER);
  }

  /// 1 rows x 2 registers of outputs over `depth` inputs; row r of the result goes to y + r yStride
  /// (bytes).
  static void tile1x2(long x0, int depth, long w, long start, long y, long yStride) {
    FloatVector s0 = FloatVector.fromMemorySegment(S, ALL, start + 0L * B, ORDER);
    FloatVector s1 = FloatVector.fromMemorySegment(S, ALL, start + 1L * B, ORDER);
    FloatVector c00 = s0, c01 = s1;
    for (int k = 0; k < depth; k++) {
      long p = w + k * (2L * B);
      long i = k * 4L;
      FloatVector b0 = FloatVector.fromMemorySegment(S, ALL, p + 0L * B, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(S, ALL, p + 1L * B, ORDER);
      FloatVector a0 = FloatVector.broadcast(S, ALL.get(FLOAT, x0 + i));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
    }
    c00.intoMemorySegment(ALL, y + 0L * yStride + 0L * B, ORDER);
    c01.intoMemorySegment(ALL, y + 0L * yStride + 1L * B, ORDER);
  }
}
