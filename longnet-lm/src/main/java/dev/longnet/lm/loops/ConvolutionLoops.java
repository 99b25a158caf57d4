// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;

/// Sums of rows times weights, and products of a row with others, of whole pairs of registers.
final class ConvolutionLoops {
  private ConvolutionLoops() {}

  /// `y = sum_j rows[j] weights[j]`, two terms in a pass over y; at least two.
  static void weigh(long[] rows, long[] weights, long bytes, long y) {
    Loops.two(rows[0], weights[0], rows[1], weights[1], bytes, y);
    int j = 2;
    for (; j + 1 < rows.length; j += 2) {
      Loops.addTwo(rows[j], weights[j], rows[j + 1], weights[j + 1], bytes, y);
    }
    if (j < rows.length) {
      Loops.addOne(rows[j], weights[j], bytes, y);
    }
  }

  /// `sums[j] += x rows[j]`
  static void correlate(long x, long[] rows, long bytes, long[] sums) {
    int j = 0;
    for (; j + 1 < rows.length; j += 2) {
      Loops.correlateTwo(x, rows[j], rows[j + 1], bytes, sums[j], sums[j + 1]);
    }
    if (j < rows.length) {
      Loops.addOne(x, rows[j], bytes, sums[j]);
    }
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
