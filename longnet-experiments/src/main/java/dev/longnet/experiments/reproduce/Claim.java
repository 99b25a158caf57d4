// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.experiments.reproduce.Bootstrap.Interval;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/// Something that an experiment's losses can prove wrong: what one side needs, less what the other
/// needs, is below a limit, by more than chance.
///
/// @param number such as `T1`
/// @param text what the comparison says, for people
/// @param one what is to need fewer bits a byte: shares of losses, added
/// @param other what is to need more
/// @param limit bits that the difference must stay below; empty where it is published and no more
/// @param perToken whether the limit is of a token, not of a byte
record Claim(
    String number,
    String text,
    List<Share> one,
    List<Share> other,
    OptionalDouble limit,
    boolean perToken) {
  /// Seeds that a claim wants.
  static final int SEEDS = 3;

  Claim {
    one = List.copyOf(one);
    other = List.copyOf(other);
  }

  /// A part of a row's loss at a length.
  ///
  /// @param blockwise with blockwise attention
  record Share(double weight, String row, int length, boolean blockwise) {
    static Share of(String row, int length) {
      return new Share(1, row, length, false);
    }

    String words() {
      return String.format(
          Locale.ROOT, "%s%s at %,d", row, blockwise ? ", blockwise," : "", length);
    }
  }

  /// What evidence says about a claim.
  ///
  /// @param difference bits a byte of `one` less those of `other`
  /// @param limit bits a byte; empty where there is none
  /// @param seeds that all rows were trained with
  /// @param agreeing seeds of them whose own difference is below 0, or below the limit where that
  ///   is above
  record Finding(Interval difference, OptionalDouble limit, List<Long> seeds, int agreeing) {
    /// Whether evidence bears the claim out.
    String verdict() {
      if (limit.isEmpty()) {
        return "published";
      }
      if (!Double.isFinite(difference.high())) {
        return "not measured";
      }
      boolean reached = difference.high() < limit.getAsDouble() && agreeing == seeds.size();
      return (reached ? "reached" : "not reached") + (seeds.size() < SEEDS ? " so far" : "");
    }
  }

  /// What one row needs, less what the other needs, is below a limit.
  static Claim less(String number, Share one, Share other, double limit) {
    return less(number, one, other, OptionalDouble.of(limit), false);
  }

  /// As [#less], with a limit of whatever kind.
  static Claim less(String number, Share one, Share other, OptionalDouble limit, boolean perToken) {
    String text = one.words() + " less " + other.words();
    return new Claim(number, text, List.of(one), List.of(other), limit, perToken);
  }

  /// Empty where no seed has all rows.
  ///
  /// @param experiment whose rows they are
  Optional<Finding> finding(Setting setting, EvidenceSet evidence, String experiment) {
    List<double[]> ones = new ArrayList<>();
    List<double[]> others = new ArrayList<>();
    List<Long> seeds = new ArrayList<>();
    Evidence first = null;
    for (Evidence run : evidence.row(setting, experiment, one.getFirst().row)) {
      long seed = run.id().seed();
      Optional<double[]> a = losses(setting, evidence, experiment, run, one, seed);
      Optional<double[]> b = losses(setting, evidence, experiment, run, other, seed);
      if (a.isPresent() && b.isPresent()) {
        first = first == null ? run : first;
        ones.add(a.get());
        others.add(b.get());
        seeds.add(seed);
      }
    }
    if (first == null) {
      return Optional.empty();
    }
    double[] bytes = HeldOutLosses.bytes(first);
    Interval difference = Bootstrap.difference(ones, others, bytes);
    double factor = perToken ? HeldOutLosses.tokens(first) / Arrays.stream(bytes).sum() : 1;
    OptionalDouble inBytes =
        limit.isPresent() ? OptionalDouble.of(limit.getAsDouble() * factor) : limit;
    double bound = Math.max(0, inBytes.orElse(0));
    int agreeing = 0;
    for (int s = 0; s < seeds.size(); s++) {
      double nats = Arrays.stream(ones.get(s)).sum() - Arrays.stream(others.get(s)).sum();
      agreeing += nats / Math.log(2) / Arrays.stream(bytes).sum() < bound ? 1 : 0;
    }
    return Optional.of(new Finding(difference, inBytes, seeds, agreeing));
  }

  /// The sum of a side's shares, nats by group; empty where one of them was not measured.
  private static Optional<double[]> losses(
      Setting setting,
      EvidenceSet evidence,
      String experiment,
      Evidence run,
      List<Share> side,
      long seed) {
    double[] bytes = HeldOutLosses.bytes(run);
    double[] sum = new double[bytes.length];
    for (Share share : side) {
      Optional<Evidence> of = evidence.find(setting.id(experiment, share.row, seed));
      Optional<double[]> nats =
          of.flatMap(e -> HeldOutLosses.nats(e, share.length, share.blockwise));
      if (nats.isEmpty()) {
        return Optional.empty();
      }
      if (!Arrays.equals(bytes, HeldOutLosses.bytes(of.orElseThrow()))) {
        throw new IllegalArgumentException(
            "runs were measured on other held-out text than each other: "
                + run.id().name()
                + ", "
                + of.orElseThrow().id().name());
      }
      Arrays.setAll(sum, g -> sum[g] + share.weight * nats.get()[g]);
    }
    return Optional.of(sum);
  }

  /// What evidence says about some claims.
  ///
  /// @param notes after those that say what counts
  static ResultTable.Content table(
      Setting setting,
      EvidenceSet evidence,
      String experiment,
      List<Claim> claims,
      List<String> notes) {
    List<List<String>> cells = new ArrayList<>();
    for (Claim claim : claims) {
      cells.add(cells(claim, claim.finding(setting, evidence, experiment)));
    }
    List<String> all = new ArrayList<>();
    all.add(
        "A claim is reached where the whole interval is below its limit and each seed's own"
            + " difference is below 0, or below the limit where that is above; \"so far\""
            + " stands where there are fewer than "
            + SEEDS
            + " seeds.");
    all.add("Intervals are a paired bootstrap of 2,000 draws over held-out groups and seeds.");
    all.addAll(notes);
    return new ResultTable.Content(
        List.of(
            Column.text("claim"),
            Column.text("difference of"),
            Column.number("difference", "bits a byte", 3),
            Column.number("95 % from", "", 3),
            Column.number("to", "", 3),
            Column.number("to be below", "bits a byte", 2),
            Column.integer("seeds", ""),
            Column.text("verdict")),
        cells,
        all);
  }

  private static List<String> cells(Claim claim, Optional<Finding> found) {
    return found
        .map(f ->
            ResultTable.row(
                claim.number,
                claim.text,
                f.difference().value(),
                f.difference().low(),
                f.difference().high(),
                f.limit().orElse(Double.NaN),
                f.seeds().size(),
                f.verdict()))
        .orElse(ResultTable.row(claim.number, claim.text, "", "", "", "", "", "not measured"));
  }
}
