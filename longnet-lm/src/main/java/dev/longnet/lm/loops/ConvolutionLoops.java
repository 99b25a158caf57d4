// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;

/// Sums of rows times weights, and products of a row with others, of whole pairs of registers.
final class ConvolutionLoops {
  private ConvolutionLoops() {}

  /// y = a v + b w
  static void two(long a, long v, long b, long w, long bytes, long y) {
    Loops.two(a, v, b, w, bytes, y);
  }

  /// y += a v + b w
  static void addTwo(long a, long v, long b, long w, long bytes, long y) {
    Loops.addTwo(a, v, b, w, bytes, y);
  }

  /// y += a v
  static void addOne(long a, long v, long bytes, long y) {
    Loops.addOne(a, v, bytes, y);
  }

  /// sumA += x a, sumB += x b
  static void correlateTwo(long x, long a, long b, long bytes, long sumA, long sumB) {
    Loops.correlateTwo(x, a, b, bytes, sumA, sumB);
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    static void two(long a, long v, long b, long w, long bytes, long y) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        put(at(b + i).fma(at(w + i), at(a + i).mul(at(v + i))), y + i);
      }
    }

    static void addTwo(long a, long v, long b, long w, long bytes, long y) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        put(at(b + i).fma(at(w + i), at(a + i).fma(at(v + i), at(y + i))), y + i);
      }
    }

    static void addOne(long a, long v, long bytes, long y) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        put(at(a + i).fma(at(v + i), at(y + i)), y + i);
      }
    }

    static void correlateTwo(long x, long a, long b, long bytes, long sumA, long sumB) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        FloatVector c = at(x + i);
        put(c.fma(at(a + i), at(sumA + i)), sumA + i);
        put(c.fma(at(b + i), at(sumB + i)), sumB + i);
      }
    }
  }
}
