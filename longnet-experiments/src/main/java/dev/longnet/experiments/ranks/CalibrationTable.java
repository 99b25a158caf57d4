// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.plan.Calibration;
import dev.longnet.core.plan.Link;
import dev.longnet.core.plan.Rates;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// The rows of a machine's calibration: `longnet bench ranks` writes them, `longnet plan` reads
/// them.
public final class CalibrationTable {
  /// The name of the experiment.
  public static final String NAME = "ranks";

  /// What a row says; its size is what the words in brackets say.
  public enum What {
    /// Threads of a rank (their number).
    THREADS,
    /// FLOP/s of large matrix products (rows of the matrices).
    MATRIX_PRODUCTS,
    /// FLOP/s of a model's products and all that goes with them (hidden).
    MODEL_PRODUCTS,
    /// FLOP/s of folds forward (keys of a segment).
    FOLD_FORWARD,
    /// FLOP/s of folds backward (keys of a segment).
    FOLD_BACKWARD,
    /// Seconds of an exchange between two ranks (bytes that each receives).
    EXCHANGE,
    /// Tokens a second of one process (tokens of a step).
    ONE_PROCESS,
    /// Tokens a second of all ranks together (tokens of a step).
    RANKS;

    /// As the table has it.
    public String words() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  private static final List<Column> COLUMNS =
      List.of(
          Column.text("what"),
          Column.integer("size", ""),
          Column.number("value", "", 3),
          Column.text("unit"),
          Column.number("spread", "", 3));

  private final List<List<String>> rows = new ArrayList<>();

  /// @param spread the longest time over the shortest; 1 where there was one
  void add(What what, long size, double value, String unit, double spread) {
    rows.add(
        List.of(
            what.words(),
            Long.toString(size),
            String.format(Locale.ROOT, "%.6g", value),
            unit,
            String.format(Locale.ROOT, "%.3f", spread)));
  }

  ResultTable.Content content(List<String> notes) {
    return new ResultTable.Content(COLUMNS, rows, notes);
  }

  /// What a plan for a model takes from a table.
  ///
  /// @throws IllegalArgumentException where the table is another one's
  public static Calibration calibration(
      ResultTable table, ModelConfig model, RuntimeConfig runtime) {
    boolean own =
        table.name().equals(NAME)
            && table.content().columns().stream()
                .map(Column::name)
                .toList()
                .equals(COLUMNS.stream().map(Column::name).toList());
    if (!own) {
      throw new IllegalArgumentException(
          "a calibration must be what longnet bench ranks --json wrote: name=" + table.name());
    }
    ResultTable.Content content = table.content();
    Map<Long, Double> forward = values(content, What.FOLD_FORWARD);
    Map<Long, Double> backward = values(content, What.FOLD_BACKWARD);
    Map<Long, Double> exchanges = values(content, What.EXCHANGE);
    if (forward.isEmpty() || !forward.keySet().equals(backward.keySet()) || exchanges.size() < 2) {
      throw new IllegalArgumentException(
          "a calibration must have folds forward and backward of the same keys, and two exchanges");
    }
    List<Rates.Fold> folds =
        forward.entrySet().stream()
            .map(e ->
                new Rates.Fold(
                    e.getKey(), e.getValue(), Objects.requireNonNull(backward.get(e.getKey()))))
            .toList();
    List<Map.Entry<Long, Double>> sorted =
        exchanges.entrySet().stream().sorted(Map.Entry.comparingByKey()).toList();
    Map.Entry<Long, Double> small = sorted.getFirst();
    Map.Entry<Long, Double> large = sorted.getLast();
    double spread = 1;
    List<String> whats = content.column("what");
    double[] spreads = content.numbers("spread");
    for (int i = 0; i < spreads.length; i++) {
      // A plan computes steps from the others.
      boolean step =
          whats.get(i).equals(What.ONE_PROCESS.words()) || whats.get(i).equals(What.RANKS.words());
      spread = step ? spread : Math.max(spread, spreads[i]);
    }
    return new Calibration(
        new Rates(tokenwise(content, model, runtime), folds),
        Link.through(small.getKey(), small.getValue(), large.getKey(), large.getValue()),
        spread,
        String.format(
            Locale.ROOT,
            "measured on %s, %s",
            table.measured().machine().cpu().isEmpty()
                ? "an unnamed machine"
                : table.measured().machine().cpu(),
            table.measured().date()));
  }

  /// Threads of a rank that the rates are of.
  public static long threads(ResultTable table) {
    return values(table.content(), What.THREADS).keySet().stream().findFirst().orElse(1L);
  }

  /// Of a model about as wide as the measured one; of others the share of large products that
  /// training reaches by experience.
  private static double tokenwise(
      ResultTable.Content content, ModelConfig model, RuntimeConfig runtime) {
    Map<Long, Double> products = values(content, What.MATRIX_PRODUCTS);
    Map.Entry<Long, Double> measured =
        values(content, What.MODEL_PRODUCTS).entrySet().stream()
            .min(Comparator.comparingDouble(e -> distance(e.getKey(), model.hidden())))
            .orElseThrow(
                () -> new IllegalArgumentException("a calibration must have a model's products"));
    if (distance(measured.getKey(), model.hidden()) <= Math.log(2) || products.isEmpty()) {
      return measured.getValue();
    }
    return products.values().iterator().next() * Forecast.efficiency(model, runtime);
  }

  private static double distance(long a, long b) {
    return Math.abs(Math.log((double) a / b));
  }

  /// By size.
  private static Map<Long, Double> values(ResultTable.Content content, What what) {
    Map<Long, Double> values = new TreeMap<>();
    List<String> whats = content.column("what");
    double[] sizes = content.numbers("size");
    double[] numbers = content.numbers("value");
    for (int i = 0; i < whats.size(); i++) {
      if (whats.get(i).equals(what.words())) {
        values.put((long) sizes[i], numbers[i]);
      }
    }
    return values;
  }
}
