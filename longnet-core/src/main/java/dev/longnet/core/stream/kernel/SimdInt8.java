package dev.longnet.core.stream.kernel;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.FLOAT;
import static dev.longnet.core.stream.kernel.SimdTiles.B;
import static dev.longnet.core.stream.kernel.SimdTiles.LANES;
import static dev.longnet.core.stream.kernel.SimdTiles.ORDER;
import static dev.longnet.core.stream.kernel.SimdTiles.S;
import static dev.longnet.core.stream.kernel.SimdTiles.VECTORS;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The innermost loops of a product with int8 weights, written out as those of [SimdTiles] are.
final class SimdInt8 {
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, S.vectorBitSize() / 4)));

  private SimdInt8() {}

  /// One row x 4 registers of outputs over `depth` inputs, int8 weights: y = scale sum_k x_k w_k +
  /// start.
  static void quantizedRow4(long x, int depth, long w, long scale, long start, long y) {
    FloatVector c0 = FloatVector.zero(S), d0 = FloatVector.zero(S);
    FloatVector c1 = FloatVector.zero(S), d1 = FloatVector.zero(S);
    FloatVector c2 = FloatVector.zero(S), d2 = FloatVector.zero(S);
    FloatVector c3 = FloatVector.zero(S), d3 = FloatVector.zero(S);
    int k = 0;
    for (; k + 2 <= depth; k += 2) {
      long p = w + k * (4L * LANES);
      FloatVector a = FloatVector.broadcast(S, ALL.get(FLOAT, x + k * 4L));
      FloatVector e = FloatVector.broadcast(S, ALL.get(FLOAT, x + k * 4L + 4));
      FloatVector b0 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 0L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      c0 = a.fma(b0, c0);
      FloatVector b1 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 1L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      c1 = a.fma(b1, c1);
      FloatVector b2 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 2L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      c2 = a.fma(b2, c2);
      FloatVector b3 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 3L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      c3 = a.fma(b3, c3);
      FloatVector f0 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 4L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      d0 = e.fma(f0, d0);
      FloatVector f1 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 5L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      d1 = e.fma(f1, d1);
      FloatVector f2 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 6L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      d2 = e.fma(f2, d2);
      FloatVector f3 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 7L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      d3 = e.fma(f3, d3);
    }
    if (k < depth) {
      long p = w + k * (4L * LANES);
      FloatVector a = FloatVector.broadcast(S, ALL.get(FLOAT, x + k * 4L));
      c0 =
          a.fma(
              (FloatVector)
                  ByteVector.fromMemorySegment(BYTES, ALL, p + 0L * LANES, ORDER)
                      .convertShape(VectorOperators.B2F, S, 0),
              c0);
      c1 =
          a.fma(
              (FloatVector)
                  ByteVector.fromMemorySegment(BYTES, ALL, p + 1L * LANES, ORDER)
                      .convertShape(VectorOperators.B2F, S, 0),
              c1);
      c2 =
          a.fma(
              (FloatVector)
                  ByteVector.fromMemorySegment(BYTES, ALL, p + 2L * LANES, ORDER)
                      .convertShape(VectorOperators.B2F, S, 0),
              c2);
      c3 =
          a.fma(
              (FloatVector)
                  ByteVector.fromMemorySegment(BYTES, ALL, p + 3L * LANES, ORDER)
                      .convertShape(VectorOperators.B2F, S, 0),
              c3);
    }
    c0.add(d0)
        .fma(
            FloatVector.fromMemorySegment(S, ALL, scale + 0L * B, ORDER),
            FloatVector.fromMemorySegment(S, ALL, start + 0L * B, ORDER))
        .intoMemorySegment(ALL, y + 0L * B, ORDER);
    c1.add(d1)
        .fma(
            FloatVector.fromMemorySegment(S, ALL, scale + 1L * B, ORDER),
            FloatVector.fromMemorySegment(S, ALL, start + 1L * B, ORDER))
        .intoMemorySegment(ALL, y + 1L * B, ORDER);
    c2.add(d2)
        .fma(
            FloatVector.fromMemorySegment(S, ALL, scale + 2L * B, ORDER),
            FloatVector.fromMemorySegment(S, ALL, start + 2L * B, ORDER))
        .intoMemorySegment(ALL, y + 2L * B, ORDER);
    c3.add(d3)
        .fma(
            FloatVector.fromMemorySegment(S, ALL, scale + 3L * B, ORDER),
            FloatVector.fromMemorySegment(S, ALL, start + 3L * B, ORDER))
        .intoMemorySegment(ALL, y + 3L * B, ORDER);
  }

  /// One row x 2 registers of outputs over `depth` inputs, int8 weights: y = scale sum_k x_k w_k +
  /// start.
  static void quantizedRow2(long x, int depth, long w, long scale, long start, long y) {
    FloatVector c0 = FloatVector.zero(S), d0 = FloatVector.zero(S);
    FloatVector c1 = FloatVector.zero(S), d1 = FloatVector.zero(S);
    int k = 0;
    for (; k + 2 <= depth; k += 2) {
      long p = w + k * (2L * LANES);
      FloatVector a = FloatVector.broadcast(S, ALL.get(FLOAT, x + k * 4L));
      FloatVector e = FloatVector.broadcast(S, ALL.get(FLOAT, x + k * 4L + 4));
      FloatVector b0 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 0L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      c0 = a.fma(b0, c0);
      FloatVector b1 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 1L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      c1 = a.fma(b1, c1);
      FloatVector f0 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 2L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      d0 = e.fma(f0, d0);
      FloatVector f1 =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, p + 3L * LANES, ORDER)
                  .convertShape(VectorOperators.B2F, S, 0);
      d1 = e.fma(f1, d1);
    }
    if (k < depth) {
      long p = w + k * (2L * LANES);
      FloatVector a = FloatVector.broadcast(S, ALL.get(FLOAT, x + k * 4L));
      c0 =
          a.fma(
              (FloatVector)
                  ByteVector.fromMemorySegment(BYTES, ALL, p + 0L * LANES, ORDER)
                      .convertShape(VectorOperators.B2F, S, 0),
              c0);
      c1 =
          a.fma(
              (FloatVector)
                  ByteVector.fromMemorySegment(BYTES, ALL, p + 1L * LANES, ORDER)
                      .convertShape(VectorOperators.B2F, S, 0),
              c1);
    }
    c0.add(d0)
        .fma(
            FloatVector.fromMemorySegment(S, ALL, scale + 0L * B, ORDER),
            FloatVector.fromMemorySegment(S, ALL, start + 0L * B, ORDER))
        .intoMemorySegment(ALL, y + 0L * B, ORDER);
    c1.add(d1)
        .fma(
            FloatVector.fromMemorySegment(S, ALL, scale + 1L * B, ORDER),
            FloatVector.fromMemorySegment(S, ALL, start + 1L * B, ORDER))
        .intoMemorySegment(ALL, y + 1L * B, ORDER);
  }

  /// Expands `depth` rows of a panel of int8 weights to float32.
  static void dequantize(long w, int depth, long scale, long to) {
    for (int v = 0; v < VECTORS; v++) {
      FloatVector s = FloatVector.fromMemorySegment(S, ALL, scale + (long) v * B, ORDER);
      for (int k = 0; k < depth; k++) {
        FloatVector f =
            (FloatVector)
                ByteVector.fromMemorySegment(
                        BYTES, ALL, w + ((long) k * VECTORS + v) * LANES, ORDER)
                    .convertShape(VectorOperators.B2F, S, 0);
        f.mul(s).intoMemorySegment(ALL, to + ((long) k * VECTORS + v) * B, ORDER);
      }
    }
  }
}
