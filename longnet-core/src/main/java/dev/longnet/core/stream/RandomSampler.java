// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import java.util.Arrays;
import java.util.PriorityQueue;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;

/// Temperature, top-k and top-p in one pass over the vocabulary; only what can still be chosen is
/// sorted.
final class RandomSampler implements Sampler {
  private final double temperature;
  private final int topK;
  private final double topP;
  private final RandomGenerator random;

  RandomSampler(double temperature, int topK, double topP, long seed) {
    this.temperature = temperature;
    this.topK = topK;
    this.topP = topP;
    this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
  }

  @Override
  public int next(float[] logits) {
    int likeliest = Sampler.greedy().next(logits);
    double draw = random.nextDouble();
    double highest = logits[likeliest];
    if (Double.isInfinite(
        highest)) { // all scores -inf, or one infinitely likely: no distribution to draw from
      return likeliest;
    }
    double[] weights = new double[logits.length];
    double sum = 0;
    for (int id = 0; id < logits.length; id++) {
      weights[id] = Math.exp((logits[id] - highest) / temperature);
      sum += weights[id];
    }
    if (topK == 0 && topP == 1) {
      return choose(weights, null, draw * sum);
    }
    boolean limited = topK > 0 && topK < logits.length;
    int[] kept = limited ? topK(logits) : nucleusCandidates(weights, sum);
    double whole = limited ? Arrays.stream(kept).mapToDouble(id -> weights[id]).sum() : sum;
    double reached = 0;
    int count = 0;
    while (count < kept.length && reached < topP * whole) {
      reached += weights[kept[count++]];
    }
    return choose(weights, Arrays.copyOf(kept, Math.max(1, count)), draw * reached);
  }

  /// @param kept ids in the order to walk; null: all
  private static int choose(double[] weights, int @Nullable [] kept, double target) {
    int length = kept == null ? weights.length : kept.length;
    double passed = 0;
    int last = -1;
    for (int i = 0; i < length; i++) {
      int id = kept == null ? i : kept[i];
      if (weights[id] > 0) {
        passed += weights[id];
        last = id;
        if (passed > target) {
          return id;
        }
      }
    }
    return last; // rounding: the target lies at the very end
  }

  /// The k ids of highest score, likeliest first.
  private int[] topK(float[] logits) {
    PriorityQueue<Long> lowestFirst = new PriorityQueue<>(topK + 1);
    for (int id = 0; id < logits.length; id++) {
      long key = key(logits[id], id);
      if (lowestFirst.size() < topK) {
        lowestFirst.add(key);
      } else if (key > lowestFirst.peek()) {
        lowestFirst.poll();
        lowestFirst.add(key);
      }
    }
    return likeliestFirst(lowestFirst.stream().mapToLong(Long::longValue).toArray());
  }

  /// Ids that the nucleus can reach, likeliest first. Those below (1 - topP) / V of the whole sum
  /// to less than 1 - topP together, so the others alone reach topP: most of a large vocabulary
  /// need not be sorted.
  private int[] nucleusCandidates(double[] weights, double sum) {
    double threshold = (1 - topP) * sum / weights.length;
    long[] keys = new long[weights.length];
    int count = 0;
    for (int id = 0; id < weights.length; id++) {
      if (weights[id] >= threshold) {
        keys[count++] = key((float) weights[id], id);
      }
    }
    return likeliestFirst(Arrays.copyOf(keys, count));
  }

  /// Orders by score, then by lower id.
  private static long key(float score, int id) {
    int bits = Float.floatToIntBits(score);
    int ordered = bits >= 0 ? bits : ~bits ^ 0x80000000; // floats as integers of the same order
    return (long) ordered << 32 | (Integer.MAX_VALUE - id);
  }

  private static int[] likeliestFirst(long[] keys) {
    Arrays.sort(keys);
    int[] ids = new int[keys.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = Integer.MAX_VALUE - (int) keys[keys.length - 1 - i];
    }
    return ids;
  }
}
