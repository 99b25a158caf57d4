// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.core.stream.kernel.NativeFloats.load;
import static dev.longnet.core.stream.kernel.NativeFloats.store;
import static dev.longnet.core.stream.kernel.SimdTiles.LANES;
import static dev.longnet.core.stream.kernel.SimdTiles.ORDER;
import static dev.longnet.core.stream.kernel.SimdTiles.S;

import dev.longnet.attention.kernel.AllLanes;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Element-wise loops and reductions over one row. A row's last, partial register is masked.
final class SimdLoops {
  private static final FloatVector P0 = constant(ErfCoefficients.P[0]);
  private static final FloatVector P1 = constant(ErfCoefficients.P[1]);
  private static final FloatVector P2 = constant(ErfCoefficients.P[2]);
  private static final FloatVector P3 = constant(ErfCoefficients.P[3]);
  private static final FloatVector P4 = constant(ErfCoefficients.P[4]);
  private static final FloatVector P5 = constant(ErfCoefficients.P[5]);
  private static final FloatVector P6 = constant(ErfCoefficients.P[6]);
  private static final FloatVector Q1 = constant(ErfCoefficients.Q[1]);
  private static final FloatVector Q2 = constant(ErfCoefficients.Q[2]);
  private static final FloatVector Q3 = constant(ErfCoefficients.Q[3]);
  private static final FloatVector Q4 = constant(ErfCoefficients.Q[4]);
  private static final FloatVector ONE = constant(1);
  private static final FloatVector HALF = constant(0.5);
  private static final FloatVector LIMIT = constant(ErfCoefficients.LIMIT);

  // 2^f on [-1/2, 1/2]: the Taylor polynomial of degree 6, 1.3e-8 relative.
  private static final FloatVector E1 = constant(0.69314718056);
  private static final FloatVector E2 = constant(0.24022650696);
  private static final FloatVector E3 = constant(0.05550410866);
  private static final FloatVector E4 = constant(0.00961812911);
  private static final FloatVector E5 = constant(0.00133335581);
  private static final FloatVector E6 = constant(0.00015403530);
  private static final FloatVector LOG2_E = constant(1.44269504089);

  /// Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  private static final FloatVector MAGIC = constant(12582912);

  private static final FloatVector LOWEST = constant(-126);

  private SimdLoops() {}

  private static FloatVector constant(double value) {
    return FloatVector.broadcast(S, (float) value);
  }

  private static FloatVector at(long address) {
    return FloatVector.fromMemorySegment(S, ALL, address, ORDER);
  }

  /// e^x for x <= 0; 2^-126 stands for everything smaller.
  private static FloatVector exp(FloatVector x) {
    FloatVector t = x.mul(LOG2_E);
    t = t.blend(LOWEST, t.compare(VectorOperators.LT, LOWEST));
    FloatVector rounded = t.add(MAGIC);
    FloatVector f = t.sub(rounded.sub(MAGIC));
    FloatVector p = E6.fma(f, E5).fma(f, E4).fma(f, E3).fma(f, E2).fma(f, E1).fma(f, ONE);
    return p.reinterpretAsInts()
        .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
        .reinterpretAsFloats();
  }

  /// Three short methods: one long one has more values alive than C1 has registers for, and then
  /// never reaches C2.
  static void layerNorm(long x, int width, long gain, long bias, long y) {
    float mean = sum(x, width) / width;
    float reciprocal = (float) (1 / Math.sqrt(squares(x, width, mean) / width + 1e-5));
    normalize(x, width, mean, reciprocal, gain, bias, y);
  }

  private static float sum(long x, int count) {
    FloatVector sums = FloatVector.zero(S);
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      sums = sums.add(at(x + 4L * i));
    }
    float sum = AllLanes.total(sums);
    for (; i < count; i++) {
      sum += load(x + 4L * i);
    }
    return sum;
  }

  /// sum (x - mean)^2
  private static float squares(long x, int count, float mean) {
    FloatVector m = FloatVector.broadcast(S, mean);
    FloatVector sums = FloatVector.zero(S);
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      FloatVector d = at(x + 4L * i).sub(m);
      sums = d.fma(d, sums);
    }
    float sum = AllLanes.total(sums);
    for (; i < count; i++) {
      float d = load(x + 4L * i) - mean;
      sum += d * d;
    }
    return sum;
  }

  private static void normalize(
      long x, int count, float mean, float reciprocal, long gain, long bias, long y) {
    FloatVector m = FloatVector.broadcast(S, mean);
    FloatVector r = FloatVector.broadcast(S, reciprocal);
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      at(x + 4L * i)
          .sub(m)
          .mul(r)
          .fma(at(gain + 4L * i), at(bias + 4L * i))
          .intoMemorySegment(ALL, y + 4L * i, ORDER);
    }
    for (; i < count; i++) {
      store(
          y + 4L * i,
          (load(x + 4L * i) - mean) * reciprocal * load(gain + 4L * i) + load(bias + 4L * i));
    }
  }

  static void gelu(long x, long count) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
      FloatVector a = at(x + 4 * i);
      FloatVector z = a.blend(LIMIT, a.compare(VectorOperators.GT, LIMIT));
      z = z.blend(LIMIT.neg(), z.compare(VectorOperators.LT, LIMIT.neg()));
      FloatVector u = z.mul(z);
      FloatVector p = P6.fma(u, P5).fma(u, P4).fma(u, P3).fma(u, P2).fma(u, P1).fma(u, P0);
      FloatVector q = Q4.fma(u, Q3).fma(u, Q2).fma(u, Q1).fma(u, ONE);
      z.mul(p).div(q).add(ONE).mul(a.mul(HALF)).intoMemorySegment(ALL, x + 4 * i, ORDER);
    }
    for (; i < count; i++) {
      store(x + 4 * i, (float) ScalarKernels.gelu(load(x + 4 * i)));
    }
  }

  static void relu(long x, long count) {
    FloatVector zero = FloatVector.zero(S);
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
      FloatVector a = at(x + 4 * i);
      a.blend(zero, a.compare(VectorOperators.LE, zero)).intoMemorySegment(ALL, x + 4 * i, ORDER);
    }
    for (; i < count; i++) {
      store(x + 4 * i, Math.max(load(x + 4 * i), 0));
    }
  }

  static void swish(long x, long count) {
    FloatVector zero = FloatVector.zero(S);
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
      FloatVector a = at(x + 4 * i);
      // e^-|a| is at most 1: a e / (1 + e) below zero, a / (1 + e) above.
      FloatVector e = exp(a.abs().neg());
      FloatVector above = ONE.blend(e, a.compare(VectorOperators.LT, zero));
      above.div(e.add(ONE)).mul(a).intoMemorySegment(ALL, x + 4 * i, ORDER);
    }
    for (; i < count; i++) {
      store(x + 4 * i, (float) ScalarKernels.swish(load(x + 4 * i)));
    }
  }

  static void add(long x, long y, long count) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
      at(y + 4 * i).add(at(x + 4 * i)).intoMemorySegment(ALL, y + 4 * i, ORDER);
    }
    for (; i < count; i++) {
      store(y + 4 * i, load(y + 4 * i) + load(x + 4 * i));
    }
  }

  static void multiply(long x, long factors, int count) {
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      at(x + 4L * i).mul(at(factors + 4L * i)).intoMemorySegment(ALL, x + 4L * i, ORDER);
    }
    for (; i < count; i++) {
      store(x + 4L * i, load(x + 4L * i) * load(factors + 4L * i));
    }
  }

  static void rotate(long x, int heads, int headSize, long cos, long sin) {
    int whole = S.loopBound(headSize);
    for (int head = 0; head < heads; head++) {
      long row = x + 4L * head * headSize;
      for (int d = 0; d < whole; d += LANES) {
        FloatVector a = at(row + 4L * d);
        FloatVector swapped =
            a.reinterpretAsLongs().lanewise(VectorOperators.ROL, 32).reinterpretAsFloats();
        a.mul(at(cos + 4L * d))
            .add(swapped.mul(at(sin + 4L * d)))
            .intoMemorySegment(ALL, row + 4L * d, ORDER);
      }
      for (int d = whole; d < headSize; d += 2) {
        float even = load(row + 4L * d);
        float odd = load(row + 4L * d + 4);
        store(row + 4L * d, even * load(cos + 4L * d) + odd * load(sin + 4L * d));
        store(row + 4L * d + 4, odd * load(cos + 4L * d + 4) + even * load(sin + 4L * d + 4));
      }
    }
  }

  /// y = sum_j taps_j x_j: the first `before` of the rows x_j lie from `past` on, the others from
  /// `x` on. Steps are in bytes.
  static void convolve(
      long past,
      int before,
      long x,
      long xStep,
      long taps,
      int count,
      long step,
      int columns,
      long y) {
    int whole = S.loopBound(columns);
    for (long i = 0; i < 4L * whole; i += 4L * LANES) {
      FloatVector sum = FloatVector.zero(S);
      for (int j = 0; j < before; j++) {
        sum = at(past + j * step + i).fma(at(taps + j * step + i), sum);
      }
      for (int j = before; j < count; j++) {
        sum = at(x + (j - before) * xStep + i).fma(at(taps + j * step + i), sum);
      }
      sum.intoMemorySegment(ALL, y + i, ORDER);
    }
    for (long i = 4L * whole; i < 4L * columns; i += 4) {
      float sum = 0;
      for (int j = 0; j < before; j++) {
        sum = Math.fma(load(past + j * step + i), load(taps + j * step + i), sum);
      }
      for (int j = before; j < count; j++) {
        sum = Math.fma(load(x + (j - before) * xStep + i), load(taps + j * step + i), sum);
      }
      store(y + i, sum);
    }
  }

  static float max(long x, int count) {
    int whole = S.loopBound(count);
    FloatVector m = constant(Double.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector a = at(x + 4L * i);
      m = m.blend(a, a.compare(VectorOperators.GT, m));
    }
    float largest = AllLanes.max(m);
    for (int i = whole; i < count; i++) {
      largest = Math.max(largest, load(x + 4L * i));
    }
    return largest;
  }

  static float sumExp(long x, int count, float largest) {
    int whole = S.loopBound(count);
    FloatVector m = FloatVector.broadcast(S, largest);
    FloatVector sums = FloatVector.zero(S);
    for (int i = 0; i < whole; i += LANES) {
      sums = sums.add(exp(at(x + 4L * i).sub(m)));
    }
    float sum = AllLanes.total(sums);
    for (int i = whole; i < count; i++) {
      sum += (float) Math.exp(load(x + 4L * i) - largest);
    }
    return sum;
  }

  /// [Kernels#attend]: scores, exponentials, weighted sum.
  ///
  /// All in one method, so that it is longer than what the JIT's second compiler inlines (325 bytes
  /// of code). Inlined into the loop over heads and caches, it took a tenth to a third longer in
  /// some JVMs and kept vectors as objects.
  static void attend(
      long q,
      long k,
      long v,
      long count,
      int headSize,
      float scale,
      long scores,
      long out,
      long maxAndSum) {
    float old = load(maxAndSum);
    long done = headSize % LANES == 0 ? wholeScores(q, k, count, headSize, scale, scores) : 0;
    int whole = S.loopBound(headSize);
    VectorMask<Float> tail = S.indexInRange(whole, headSize);
    for (long i = done; i < count; i++) {
      long row = k + 4 * i * headSize;
      FloatVector sum = FloatVector.zero(S);
      for (int d = 0; d < whole; d += LANES) {
        sum = at(q + 4L * d).fma(at(row + 4L * d), sum);
      }
      if (whole < headSize) {
        sum =
            FloatVector.fromMemorySegment(S, ALL, q + 4L * whole, ORDER, tail)
                .fma(FloatVector.fromMemorySegment(S, ALL, row + 4L * whole, ORDER, tail), sum);
      }
      store(scores + 4 * i, AllLanes.total(sum) * scale);
    }
    float largest = Math.max(old, max(scores, (int) count));
    float shrink = old == Float.NEGATIVE_INFINITY ? 0 : (float) Math.exp(old - largest);
    store(maxAndSum, largest);

    // Scores become exp(score - largest).
    FloatVector m = FloatVector.broadcast(S, largest);
    FloatVector sums = FloatVector.zero(S);
    long j = 0;
    for (; j + LANES <= count; j += LANES) {
      FloatVector e = exp(at(scores + 4 * j).sub(m));
      e.intoMemorySegment(ALL, scores + 4 * j, ORDER);
      sums = sums.add(e);
    }
    float total = AllLanes.total(sums);
    for (; j < count; j++) {
      float e = (float) Math.exp(load(scores + 4 * j) - largest);
      store(scores + 4 * j, e);
      total += e;
    }
    store(maxAndSum + 4, load(maxAndSum + 4) * shrink + total);
    weightedSum(scores, v, count, headSize, shrink, out);
  }

  /// Four keys at a time, where whole registers hold them.
  private static long wholeScores(
      long q, long k, long count, int headSize, float scale, long scores) {
    long i = 0;
    long bytes = 4L * headSize;
    for (; i + 4 <= count; i += 4) {
      long row = k + i * bytes;
      FloatVector a = FloatVector.zero(S);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector e = a;
      for (int d = 0; d < headSize; d += LANES) {
        FloatVector x = at(q + 4L * d);
        a = x.fma(at(row + 4L * d), a);
        b = x.fma(at(row + bytes + 4L * d), b);
        c = x.fma(at(row + 2 * bytes + 4L * d), c);
        e = x.fma(at(row + 3 * bytes + 4L * d), e);
      }
      AllLanes.totals(a, b, c, e)
          .mul(scale)
          .reinterpretShape(FloatVector.SPECIES_128, 0)
          .reinterpretAsFloats()
          .intoMemorySegment(ALL, scores + 4 * i, ORDER);
    }
    return i;
  }

  /// out = shrink out + sum_i p_i v_i; `out` is not read where shrink is 0.
  private static void weightedSum(
      long p, long v, long count, int headSize, float shrink, long out) {
    for (int d = 0; d < headSize; d += LANES) {
      VectorMask<Float> mask = S.indexInRange(d, headSize);
      FloatVector even = FloatVector.zero(S);
      FloatVector odd = FloatVector.zero(S);
      if (shrink != 0) {
        even = FloatVector.fromMemorySegment(S, ALL, out + 4L * d, ORDER, mask).mul(shrink);
      }
      long i = 0;
      for (; i + 2 <= count; i += 2) {
        long row = v + 4 * (i * headSize + d);
        even =
            FloatVector.broadcast(S, load(p + 4 * i))
                .fma(FloatVector.fromMemorySegment(S, ALL, row, ORDER, mask), even);
        odd =
            FloatVector.broadcast(S, load(p + 4 * i + 4))
                .fma(FloatVector.fromMemorySegment(S, ALL, row + 4L * headSize, ORDER, mask), odd);
      }
      if (i < count) {
        long row = v + 4 * (i * headSize + d);
        even =
            FloatVector.broadcast(S, load(p + 4 * i))
                .fma(FloatVector.fromMemorySegment(S, ALL, row, ORDER, mask), even);
      }
      even.add(odd).intoMemorySegment(ALL, out + 4L * d, ORDER, mask);
    }
  }
}
