// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// How far a difference between two models may be chance. Held-out groups are drawn with
/// replacement, the same ones for both models, and so are the seeds that both were trained with.
final class Bootstrap {
  private static final int DRAWS = 2000;
  private static final long SEED = 1;

  private Bootstrap() {}

  /// A difference with the middle 95 % of its draws; NaN where a single group was held out.
  record Interval(double value, double low, double high) {}

  /// Bits a byte of one model less those of another.
  ///
  /// @param one losses of one model, nats: a seed each, by group
  /// @param other of the other, the same seeds in the same order
  /// @param bytes of text of the groups; those without any are left out
  static Interval difference(List<double[]> one, List<double[]> other, double[] bytes) {
    int seeds = one.size();
    int groups = bytes.length;
    int[] full = IntStream.range(0, groups).filter(g -> bytes[g] > 0).toArray();
    if (seeds == 0
        || other.size() != seeds
        || one.stream().anyMatch(g -> g.length != groups)
        || other.stream().anyMatch(g -> g.length != groups)) {
      throw new IllegalArgumentException(
          "both models need the same seeds, one or more, and groups: "
              + seeds
              + ", "
              + other.size()
              + ", "
              + groups);
    }
    SplittableRandom random = new SplittableRandom(SEED);
    double[] drawn = new double[DRAWS];
    int[] often = new int[groups];
    for (int draw = 0; draw < DRAWS; draw++) {
      Arrays.fill(often, 0);
      for (int g = 0; g < full.length; g++) {
        often[full[random.nextInt(full.length)]]++;
      }
      double sum = 0;
      for (int s = 0; s < seeds; s++) {
        int seed = random.nextInt(seeds);
        sum += bits(one.get(seed), other.get(seed), bytes, often);
      }
      drawn[draw] = sum / seeds;
    }
    Arrays.sort(drawn);
    boolean known = full.length > 1;
    Arrays.fill(often, 1);
    double value = 0;
    for (int s = 0; s < seeds; s++) {
      value += bits(one.get(s), other.get(s), bytes, often) / seeds;
    }
    double low = known ? drawn[(int) (0.025 * DRAWS)] : Double.NaN;
    double high = known ? drawn[(int) (0.975 * DRAWS) - 1] : Double.NaN;
    return new Interval(value, low, high);
  }

  private static double bits(double[] one, double[] other, double[] bytes, int[] often) {
    double nats = 0;
    double all = 0;
    for (int g = 0; g < bytes.length; g++) {
      nats += often[g] * (one[g] - other[g]);
      all += often[g] * bytes[g];
    }
    return all == 0 ? 0 : nats / Math.log(2) / all;
  }
}
