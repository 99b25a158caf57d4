// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.ReferenceAttention;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.plan.Calibration;
import dev.longnet.experiments.Statistics;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/// How fast one thread folds branches of several kinds, forward and backward, float32.
final class FoldRates {
  private static final int HEADS = 4;
  private static final int HEAD_SIZE = 64;
  private static final long SMALL = 397;
  private static final double TOLERANCE = 1e-5;

  /// Before the first sample, for each of them.
  private static final long WARM_NANOS = 300_000_000;

  private static final long SAMPLE_NANOS = 50_000_000;

  private final long seed;
  private final int rounds;

  /// @param rounds times of each
  FoldRates(long seed, int rounds) {
    this.seed = seed;
    this.rounds = rounds;
  }

  /// @param keys of a segment
  /// @param forward FLOP/s, median
  /// @param backward likewise
  /// @param spread of the times, the larger of both
  record Rate(long keys, double forward, double backward, double spread) {}

  /// One branch, its segments and one thread.
  ///
  /// @param segment w
  /// @param dilation r
  /// @param tokens N
  Rate measure(long segment, long dilation, long tokens) {
    AttentionPattern pattern = pattern(segment, dilation);
    verify(Math.min(segment, 96), dilation);
    DilatedAttention attention = attention(pattern);
    try (Arena arena = Arena.ofShared()) {
      Problem problem = new Problem(arena, new Random(seed), tokens, HEADS, HEAD_SIZE);
      double pairs = 0;
      for (int head = 0; head < HEADS; head++) {
        pairs += pattern.pairs(head, HEADS, tokens);
      }
      double flops = 4.0 * HEAD_SIZE * pairs;
      List<Double> forward = times(() -> problem.forward(attention));
      List<Double> backward = times(() -> problem.backward(attention));
      return new Rate(
          Math.ceilDiv(segment, dilation),
          flops / Statistics.median(forward),
          2.5 * flops / Statistics.median(backward),
          Math.max(Calibration.spread(forward), Calibration.spread(backward)));
    }
  }

  private static DilatedAttentionSpec pattern(long segment, long dilation) {
    return DilatedAttentionSpec.of(
        new long[] {segment}, new long[] {dilation}, true, HeadOffsets.INTERLEAVED);
  }

  private static DilatedAttention attention(AttentionPattern pattern) {
    return DilatedAttention.of(pattern, AttentionOptions.defaults().withThreads(1));
  }

  /// The JVM compiles during the first. Short calls are timed many at a time.
  private List<Double> times(Runnable call) {
    long began = System.nanoTime();
    long calls = 0;
    while (calls < 2 || System.nanoTime() - began < rounds * WARM_NANOS) {
      call.run();
      calls++;
    }
    long last = System.nanoTime();
    call.run();
    long each = Math.max(1, SAMPLE_NANOS / Math.max(1, System.nanoTime() - last));
    List<Double> seconds = new ArrayList<>();
    for (int i = 0; i < rounds; i++) {
      long start = System.nanoTime();
      for (long j = 0; j < each; j++) {
        call.run();
      }
      seconds.add((System.nanoTime() - start) / 1e9 / each);
    }
    return seconds;
  }

  /// Against the float64 oracle on a small problem.
  ///
  /// @throws IllegalStateException when a result is wrong
  private void verify(long segment, long dilation) {
    DilatedAttentionSpec pattern = pattern(segment, dilation);
    try (Arena arena = Arena.ofShared()) {
      Problem p = new Problem(arena, new Random(seed), SMALL, HEADS, 16);
      DilatedAttention attention = attention(pattern);
      p.forward(attention);
      p.backward(attention);
      ReferenceAttention oracle = ReferenceAttention.of(pattern);
      Qkv in = p.inputs;
      compare("out", p.output.out(), oracle.forward(in.q(), in.k(), in.v()).out());
      ReferenceAttention.Backward expected =
          oracle.backward(in.q(), in.k(), in.v(), p.gradOut, GradientMode.EXACT);
      compare("gradQ", p.gradients.q(), expected.gradQ());
      compare("gradK", p.gradients.k(), expected.gradK());
      compare("gradV", p.gradients.v(), expected.gradV());
    }
  }

  private static void compare(String name, AttentionTensor actual, double[] expected) {
    double largest = 0;
    double error = 0;
    for (int i = 0; i < expected.length; i++) {
      float value = actual.data().getAtIndex(ValueLayout.JAVA_FLOAT, i);
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs(value - expected[i]));
    }
    if (!(error <= TOLERANCE * largest)) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "%s of the folds is wrong by %.3g, its largest value is %.3g",
              name,
              error,
              largest));
    }
  }

  /// Contiguous tensors [1, N, H, D].
  private static final class Problem {
    final Qkv inputs;
    final AttentionOutput output;
    final AttentionTensor gradOut;
    final Qkv gradients;

    Problem(Arena arena, Random random, long tokens, int heads, int headSize) {
      AttentionTensor[] all = new AttentionTensor[8];
      for (int i = 0; i < all.length; i++) {
        MemorySegment data = arena.allocate(4 * tokens * heads * headSize, 64);
        for (long j = 0; i < 4 && j < tokens * heads * headSize; j++) {
          data.setAtIndex(ValueLayout.JAVA_FLOAT, j, (float) random.nextGaussian());
        }
        all[i] = AttentionTensor.contiguous(data, ElementType.FLOAT32, 1, tokens, heads, headSize);
      }
      inputs = new Qkv(all[0], all[1], all[2]);
      gradOut = all[3];
      output = new AttentionOutput(all[4], arena.allocate(4 * tokens * heads, 64));
      gradients = new Qkv(all[5], all[6], all[7]);
    }

    void forward(DilatedAttention attention) {
      attention.forward(inputs, output);
    }

    void backward(DilatedAttention attention) {
      attention.backward(inputs, output, gradOut, gradients, GradientMode.EXACT);
    }
  }
}
