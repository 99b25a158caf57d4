// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

/// A seeded shuffle of 0, 1, …, size - 1 that needs no memory: a four-round Feistel network on the
/// next even number of bits, walked until it falls inside.
public final class Permutation {
  private final long size;
  private final int halfBits;
  private final long halfMask;
  private final long seed;

  Permutation(long size, long seed) {
    this.size = size;
    this.halfBits = Math.max(1, (64 - Long.numberOfLeadingZeros(Math.max(1, size - 1)) + 1) / 2);
    this.halfMask = (1L << halfBits) - 1;
    this.seed = seed;
  }

  long at(long index) {
    long x = index;
    do {
      long left = x >>> halfBits;
      long right = x & halfMask;
      for (int round = 0; round < 4; round++) {
        long mixed =
            left
                ^ (mix(seed + round * 0x9E3779B97F4A7C15L ^ right * 0xD1342543DE82EF95L)
                    & halfMask);
        left = right;
        right = mixed;
      }
      x = left << halfBits | right;
    } while (x >= size);
    return x;
  }

  /// SplitMix64's finalizer (Steele, Lea, Flood 2014): every bit of the input reaches every bit of
  /// the result.
  public static long mix(long z) {
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
