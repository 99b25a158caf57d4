// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.experiments.reproduce.Claim.Share;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.experiments.results.ResultTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/// What table 2 is to show, in the order of the paper's sentences, and what it shows.
final class Table2Claims {
  private Table2Claims() {}

  /// Bits a byte that far context brings at least, at the longest length.
  private static final double FAR_PAYS = 0.05;

  /// Bits a byte that LongNet is ahead of sparse attention, over all lengths.
  private static final double AHEAD = 0.015;

  /// Bits a byte that LongNet gains from a step of length to the next.
  private static final List<Double> GAINS = List.of(0.04, 0.015);

  /// What LongNet gains of what dense attention gains.
  private static final double SHARE = 0.6;

  /// Bits a byte by which LongNet may be behind at the shortest length, and still keep up.
  private static final double EVEN = 0.01;

  /// Bits a token of a perplexity that is a tenth higher.
  private static final double TENTH = Math.log(1.1) / Math.log(2);

  static List<Claim> of(Scale scale) {
    List<Integer> lengths = scale.lengths();
    int shortest = lengths.getFirst();
    int middle = lengths.get(1);
    int longest = lengths.getLast();
    String ours = name(Attention.OURS, longest);
    String oursMiddle = name(Attention.OURS, middle);
    String sparse = name(Attention.SPARSE, longest);
    String dense = name(Attention.DENSE, shortest);
    String denseMiddle = name(Attention.DENSE, middle);
    List<Claim> claims = new ArrayList<>();
    claims.add(Claim.less("T1", Share.of(ours, longest), Share.of(dense, shortest), -FAR_PAYS));
    for (int length : lengths) {
      claims.add(Claim.less("T2", Share.of(ours, length), Share.of(sparse, length), 0));
    }
    claims.add(
        new Claim(
            "T2",
            ours + " less " + sparse + ", mean of these lengths",
            mean(ours, lengths),
            mean(sparse, lengths),
            OptionalDouble.of(-AHEAD),
            false));
    for (int i = 1; i < lengths.size(); i++) {
      double gain = i <= GAINS.size() ? GAINS.get(i - 1) : 0;
      claims.add(
          Claim.less(
              "T3", Share.of(ours, lengths.get(i)), Share.of(ours, lengths.get(i - 1)), -gain));
    }
    claims.add(
        new Claim(
            "T3",
            String.format(
                Locale.ROOT,
                "the first of these less %.0f %% of what %s gains",
                100 * SHARE,
                denseMiddle),
            List.of(Share.of(ours, middle), new Share(SHARE, denseMiddle, shortest, false)),
            List.of(Share.of(ours, shortest), new Share(SHARE, denseMiddle, middle, false)),
            OptionalDouble.of(0),
            false));
    claims.add(Claim.less("T4", Share.of(ours, shortest), Share.of(dense, shortest), EVEN));
    claims.add(worse(dense, shortest, middle));
    claims.add(worse(denseMiddle, middle, longest));
    claims.add(worse(name(Attention.SPARSE, middle), middle, longest));
    claims.add(
        Claim.less(
            "T5", new Share(1, oursMiddle, longest, true), Share.of(oursMiddle, middle), EVEN));
    for (int length : lengths) {
      Share paper = Share.of(name(Attention.PAPER, longest), length);
      claims.add(Claim.less("T7", paper, Share.of(sparse, length), OptionalDouble.empty(), false));
    }
    return claims;
  }

  private static String name(Attention attention, int length) {
    return new Row(attention, length).name();
  }

  private static List<Share> mean(String row, List<Integer> lengths) {
    double weight = 1.0 / lengths.size();
    return lengths.stream().map(length -> new Share(weight, row, length, false)).toList();
  }

  /// A row's perplexity grows by a tenth at least, from its trained length to four times that.
  private static Claim worse(String row, int trained, int tested) {
    return Claim.less(
        "T5", Share.of(row, trained), Share.of(row, tested), OptionalDouble.of(-TENTH), true);
  }

  static ResultTable table(Setting setting, EvidenceSet evidence) {
    List<Evidence> all = new ArrayList<>();
    for (Row row : Table2.rows(setting.scale())) {
      all.addAll(evidence.row(setting, Table2.NAME, row.name()));
    }
    return new ResultTable(
        "table2-claims",
        "",
        EvidenceSet.origin(Table2.command(setting, Table2.NAME), all),
        Claim.table(
            setting,
            evidence,
            Table2.NAME,
            of(setting.scale()),
            List.of(
                "How many windows are long, and the factor of heads without positions, were chosen"
                    + " by pilots of LongNet (ours), seed 1, on a part of these held-out bytes"
                    + " (docs/log.md, 2026-11-30); nothing was chosen for the other rows.",
                "T1: far context pays. T2: LongNet against its sparse twin. T3: longer tests gain."
                    + " T4: what far reach costs at short length. T5: at four times the trained"
                    + " length perplexity a token is a tenth higher, but for blockwise attention."
                    + " T7: the paper's pattern.")));
  }
}
