// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.util.OptionalLong;
import java.util.function.LongToDoubleFunction;

/// xPos and RoPE for a stream of any length (docs/longnet.md, section 2). Only differences of
/// positions enter a score; that buys two things:
///
/// - Where some multiple of every segment length is below 2^40, nothing attends across its
///   multiples, so positions are taken modulo it. Elsewhere positions stay as they are; an angle p
///   theta is reduced modulo 2 pi once per block of 256 positions in twice float64's digits and
///   continued in float64, so it is right to 1e-13 at any position below 2^53.
/// - xPos' decay zeta^(p / b) is taken relative to a reference near p. When the stream moves on to
///   the next reference, cached keys are multiplied by zeta^(step / b) <= 1. Nothing overflows,
///   however long stream or segment; what decays below float32 was zero.
final class Rotation {
  private static final int BLOCK = 256;

  /// Positions between two references, in units of the decay's base: zeta^(16) >= 2e-9.
  private static final int REFERENCE = 16;

  private static final long LARGEST_PERIOD = 1L << 40;
  private static final double TWO_PI = 2 * Math.PI;

  /// 2 pi minus the double [#TWO_PI].
  private static final double TWO_PI_LOW = 2.4492935982947064e-16;

  private final boolean scalesFreeHeads;
  private final LongToDoubleFunction freeFactor;
  private final PositionEncoding encoding;
  private final int pairs;
  private final double[] theta;
  private final double[] logDecay;
  private final long period;
  private final long step;

  /// cos, sin and decay of 0 … 255 positions, [BLOCK, D/2].
  private final double[] cos;

  private final double[] sin;
  private final double[] decay;

  /// @param attention whose queries and keys turn
  /// @param apart a length across whose multiples nothing attends
  Rotation(ModelConfig config, AttentionConfig attention, OptionalLong apart) {
    scalesFreeHeads = config.nopeScale() != 0;
    freeFactor = config.nopeFactor(attention);
    encoding = config.positions();
    pairs = config.pairs();
    step = (long) REFERENCE * config.xposScaleBase();
    long length = apart.orElse(Long.MAX_VALUE);
    // Short segments would cut chunks short.
    period = length > LARGEST_PERIOD ? Long.MAX_VALUE : length * Math.ceilDiv(step, length);
    theta = new double[pairs];
    logDecay = new double[pairs];
    cos = new double[BLOCK * pairs];
    sin = new double[BLOCK * pairs];
    decay = new double[BLOCK * pairs];
    for (int i = 0; i < pairs; i++) {
      theta[i] = config.theta(i);
      logDecay[i] = config.logDecay(i);
      for (int p = 0; p < BLOCK; p++) {
        cos[p * pairs + i] = Math.cos(p * theta[i]);
        sin[p * pairs + i] = Math.sin(p * theta[i]);
        decay[p * pairs + i] = Math.exp(p * logDecay[i]);
      }
    }
  }

  boolean isNone() {
    return encoding == PositionEncoding.NONE;
  }

  /// Whether the queries of heads that do not turn have a factor.
  boolean scalesFreeHeads() {
    return scalesFreeHeads;
  }

  boolean decays() {
    return encoding == PositionEncoding.XPOS;
  }

  /// How many tokens from `position` on one call of [#fill] may cover.
  long longestChunk(long position) {
    return isNone()
        ? Long.MAX_VALUE
        : Math.min(period - position % period, decays() ? step : Long.MAX_VALUE);
  }

  /// The position decays are relative to when a chunk starts at `position`.
  long reference(long position) {
    return decays() ? position - position % period % step : 0;
  }

  /// Whether a stream that has read `position` tokens may have this reference: that of the chunk it
  /// read last.
  boolean isReference(long reference, long position) {
    if (position == 0 || !decays()) {
      return reference == 0;
    }
    // A chunk ends at most one step after its beginning, and within its period.
    long last = reference(position - 1);
    long before = reference(position - 1 - Math.min(step - 1, (position - 1) % period));
    return reference == last || reference == before;
  }

  /// What cached keys must be multiplied by when the reference moves, `[D]`; only keys of the same
  /// period are ever read again.
  void rescaling(long from, long to, NativeFloats factors) {
    for (int i = 0; i < pairs; i++) {
      float factor = (float) Math.exp((to - from) * logDecay[i]);
      factors.set(2L * i, factor);
      factors.set(2L * i + 1, factor);
    }
  }

  /// Factors of positions `[position + from, position + to)` as rows `[shift + from, shift + to)`
  /// of tables [n, D] for [dev.longnet.core.stream.kernel.Kernels#rotate], and those of heads that
  /// do not turn.
  ///
  /// @param position where the chunk starts
  void fill(long position, int from, int to, Tables tables, int shift) {
    long reference = reference(position);
    double[] baseCos = new double[pairs];
    double[] baseSin = new double[pairs];
    double[] baseDecay = new double[pairs];
    int block = -1;
    for (int row = from; row < to; row++) {
      if (row / BLOCK != block) {
        block = row / BLOCK;
        long start = position + (long) block * BLOCK;
        for (int i = 0; i < pairs; i++) {
          double angle = angle(start % period, theta[i]);
          baseCos[i] = Math.cos(angle);
          baseSin[i] = Math.sin(angle);
          baseDecay[i] = decays() ? Math.exp((start - reference) * logDecay[i]) : 1;
        }
      }
      if (scalesFreeHeads()) {
        tables.freeQueries.set(shift + row, (float) freeFactor.applyAsDouble(position + row));
      }
      for (int i = 0; i < pairs; i++) {
        int at = row % BLOCK * pairs + i;
        double c = baseCos[i] * cos[at] - baseSin[i] * sin[at];
        double s = baseSin[i] * cos[at] + baseCos[i] * sin[at];
        long element = (shift + row) * 2L * pairs + 2L * i;
        if (decays()) {
          double d = baseDecay[i] * decay[at];
          put(tables.queryCos, tables.querySin, element, c * d, s * d);
          put(tables.keyCos, tables.keySin, element, c / d, s / d);
        } else {
          put(tables.queryCos, tables.querySin, element, c, s);
        }
      }
    }
  }

  private static void put(NativeFloats cos, NativeFloats sin, long at, double c, double s) {
    cos.set(at, (float) c);
    cos.set(at + 1, (float) c);
    sin.set(at, (float) -s);
    sin.set(at + 1, (float) s);
  }

  /// position * theta modulo 2 pi: product and reduction each in two doubles, right to 1e-15 for
  /// positions below 2^53.
  static double angle(long position, double theta) {
    double high = position * theta;
    double low = Math.fma(position, theta, -high);
    double turns = Math.rint(high / TWO_PI);
    return Math.fma(-turns, TWO_PI, high) + Math.fma(-turns, TWO_PI_LOW, low);
  }

  /// Tables of one chunk; RoPE's keys use the queries'.
  static final class Tables {
    final NativeFloats queryCos;
    final NativeFloats querySin;
    final NativeFloats keyCos;
    final NativeFloats keySin;

    /// A factor a row.
    final NativeFloats freeQueries;

    Tables(Rotation rotation, int tokens, NativeMemory memory) {
      long count = rotation.isNone() ? 0 : (long) tokens * 2 * rotation.pairs;
      queryCos = memory.floats(count);
      querySin = memory.floats(count);
      freeQueries = memory.floats(rotation.scalesFreeHeads() ? tokens : 0);
      keyCos = rotation.decays() ? memory.floats(count) : queryCos;
      keySin = rotation.decays() ? memory.floats(count) : querySin;
    }
  }
}
