// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/// Tensors for tests: any layout, on or off heap.
final class TestTensors {
  private TestTensors() {}

  static MemorySegment floats(long count) {
    return Arena.ofAuto().allocate(Math.max(1, count) * 4, 64);
  }

  static AttentionTensor empty(ElementType type, long batch, long tokens, int heads, int headSize) {
    MemorySegment data =
        Arena.ofAuto().allocate(Math.max(1, batch * tokens * heads * headSize) * type.bytes(), 64);
    return AttentionTensor.contiguous(data, type, batch, tokens, heads, headSize);
  }

  static AttentionTensor like(AttentionTensor t, ElementType type) {
    return empty(type, t.batch(), t.tokens(), t.heads(), t.headSize());
  }

  /// Standard normal values times `scale`, contiguous and off heap.
  static AttentionTensor random(
      Random random, float scale, long batch, long tokens, int heads, int headSize) {
    AttentionTensor t = empty(ElementType.FLOAT32, batch, tokens, heads, headSize);
    for (long i = 0; i < batch * tokens * heads * headSize; i++) {
      t.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian() * scale);
    }
    return t;
  }

  /// The same values in another layout: heads before tokens, odd gaps, an odd start; on or off
  /// heap; another type.
  static AttentionTensor relaid(AttentionTensor from, Random random, ElementType type) {
    long rowStride = from.headSize() + random.nextInt(3);
    boolean headsFirst = random.nextBoolean();
    long headStride =
        headsFirst ? rowStride * Math.max(1, from.tokens()) + random.nextInt(5) : rowStride;
    long tokenStride = headsFirst ? rowStride : rowStride * from.heads() + random.nextInt(5);
    long batchStride =
        (headsFirst ? headStride * from.heads() : tokenStride * Math.max(1, from.tokens()))
            + random.nextInt(7);
    long start = random.nextInt(3);
    long elements = start + batchStride * Math.max(1, from.batch()) + headStride + tokenStride;
    MemorySegment all =
        switch (random.nextInt(3)) {
          case 0 ->
              switch (type) {
                case FLOAT32 -> MemorySegment.ofArray(new float[(int) elements]);
                case BFLOAT16 -> MemorySegment.ofArray(new short[(int) elements]);
                case FLOAT64 -> MemorySegment.ofArray(new double[(int) elements]);
              };
          case 1 -> MemorySegment.ofArray(new byte[(int) elements * type.bytes() + 1]).asSlice(1);
          default -> Arena.ofAuto().allocate(elements * type.bytes() + 2, 1);
        };
    AttentionTensor to =
        new AttentionTensor(
            all.asSlice(start * type.bytes()),
            type,
            from.batch(),
            from.tokens(),
            from.heads(),
            from.headSize(),
            batchStride,
            tokenStride,
            headStride);
    copy(from, to);
    return to;
  }

  static void copy(AttentionTensor from, AttentionTensor to) {
    float[] row = new float[from.headSize()];
    Rows all = new Rows(0, 1, from.tokens());
    for (long b = 0; b < from.batch(); b++) {
      for (int h = 0; h < from.heads(); h++) {
        HeadRows source = from.rows(b, h, all);
        HeadRows target = to.rows(b, h, all);
        for (long n = 0; n < from.tokens(); n++) {
          if (from.type() == ElementType.FLOAT64 && to.type() == ElementType.FLOAT64) {
            for (int d = 0; d < row.length; d++) {
              long at = target.byteOffset(n) + 8L * d;
              target.data().set(ValueLayout.JAVA_DOUBLE_UNALIGNED, at, source.get(n, d));
            }
          } else {
            source.read(n, row, 0);
            target.write(n, row, 0);
          }
        }
      }
    }
  }

  /// All values in [B, N, H, D] order.
  static double[] values(AttentionTensor t) {
    double[] values = new double[(int) (t.batch() * t.tokens() * t.heads() * t.headSize())];
    int at = 0;
    for (long b = 0; b < t.batch(); b++) {
      for (long n = 0; n < t.tokens(); n++) {
        for (int h = 0; h < t.heads(); h++) {
          HeadRows row = t.rows(b, h, new Rows(n, 1, 1));
          for (int d = 0; d < t.headSize(); d++) {
            values[at++] = row.get(0, d);
          }
        }
      }
    }
    return values;
  }

  /// As [#random], in float64.
  static AttentionTensor random64(
      Random random, double scale, long batch, long tokens, int heads, int headSize) {
    AttentionTensor t = empty(ElementType.FLOAT64, batch, tokens, heads, headSize);
    for (long i = 0; i < batch * tokens * heads * headSize; i++) {
      t.data().setAtIndex(ValueLayout.JAVA_DOUBLE, i, random.nextGaussian() * scale);
    }
    return t;
  }

  /// The tokens `[from, to)` of a tensor, in its memory.
  static AttentionTensor span(AttentionTensor t, long from, long to) {
    long start = from == to ? 0 : from * t.tokenStride() * t.type().bytes();
    return new AttentionTensor(
        t.data().asSlice(start),
        t.type(),
        t.batch(),
        to - from,
        t.heads(),
        t.headSize(),
        t.batchStride(),
        t.tokenStride(),
        t.headStride());
  }

  static double[] values(MemorySegment floats, long count) {
    double[] values = new double[(int) count];
    for (int i = 0; i < count; i++) {
      values[i] = floats.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i);
    }
    return values;
  }
}
