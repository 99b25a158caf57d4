// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

/// Two floats of a row in a long, so that a loop can give both without an object.
final class Moments {
  private Moments() {}

  static long pair(float first, float second) {
    return (long) Float.floatToRawIntBits(first) << 32
        | Float.floatToRawIntBits(second) & 0xFFFFFFFFL;
  }

  /// Mean and 1 / sqrt(variance + epsilon).
  static long of(float mean, float squares, int width) {
    return pair(mean, 1 / (float) Math.sqrt(squares / width + RowLoops.EPSILON));
  }

  static float first(long pair) {
    return Float.intBitsToFloat((int) (pair >>> 32));
  }

  static float second(long pair) {
    return Float.intBitsToFloat((int) pair);
  }
}
