// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.experiments.reproduce.Bootstrap.Interval;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Something that two rows' losses can prove wrong: one needs fewer bits a byte than the other, by
/// more than chance.
///
/// @param number such as `T1`
/// @param text what the comparison says, for people
/// @param one the side that is to need fewer bits
/// @param other the side that is to need more
/// @param margin bits a byte that `one` may need more, and still count as not behind
record Claim(String number, String text, Side one, Side other, double margin) {
  /// A row at a length.
  ///
  /// @param blockwise with blockwise attention
  record Side(String row, int length, boolean blockwise) {}

  /// What evidence says about a claim.
  ///
  /// @param difference bits a byte of `one` less those of `other`
  /// @param seeds that both rows were trained with
  record Finding(double one, double other, Interval difference, List<Long> seeds) {}

  /// Whether evidence bears it out.
  String verdict(Optional<Finding> finding) {
    return finding
        .filter(f -> Double.isFinite(f.difference.high()))
        .map(f -> f.difference.high() < margin ? "reached" : "not reached")
        .orElse("not measured");
  }

  /// Empty where a side was not measured with any seed of the other.
  Optional<Finding> finding(Setting setting, EvidenceSet evidence) {
    List<double[]> ones = new ArrayList<>();
    List<double[]> others = new ArrayList<>();
    List<Long> seeds = new ArrayList<>();
    double[] bytes = {};
    for (Evidence a : evidence.row(setting, Table2.NAME, one.row)) {
      Optional<Evidence> b = evidence.find(setting.id(Table2.NAME, other.row, a.id().seed()));
      Optional<double[]> first = HeldOutLosses.nats(a, one.length, one.blockwise);
      Optional<double[]> second =
          b.flatMap(e -> HeldOutLosses.nats(e, other.length, other.blockwise));
      if (first.isPresent() && second.isPresent()) {
        bytes = HeldOutLosses.bytes(a);
        if (!Arrays.equals(bytes, HeldOutLosses.bytes(b.orElseThrow()))) {
          throw new IllegalArgumentException(
              "runs were measured on other held-out text than each other: "
                  + a.id().name()
                  + ", "
                  + b.orElseThrow().id().name());
        }
        ones.add(first.get());
        others.add(second.get());
        seeds.add(a.id().seed());
      }
    }
    return seeds.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new Finding(
                bits(ones, bytes),
                bits(others, bytes),
                Bootstrap.difference(ones, others, bytes),
                seeds));
  }

  private static double bits(List<double[]> seeds, double[] bytes) {
    double nats = seeds.stream().mapToDouble(s -> Arrays.stream(s).sum()).sum();
    return nats / seeds.size() / Math.log(2) / Arrays.stream(bytes).sum();
  }
}
