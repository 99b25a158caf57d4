// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.train.TrainingBenchmark.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/// Results of [TrainingBenchmark] as a table, and what it says about all of them.
public final class TrainingTable {
  private TrainingTable() {}

  static ResultTable.Content of(List<Result> results) {
    return new ResultTable.Content(
        List.of(
            Column.text("recipe"),
            Column.text("type"),
            Column.integer("window", "tokens"),
            Column.integer("parameters", ""),
            Column.number("step", "s", 4),
            Column.number("speed", "tokens/s", 4),
            Column.number("rate", "GFLOP/s", 4),
            Column.number("matrix products", "GFLOP/s", 4),
            Column.number("share", "%", 3),
            Column.integer("peak memory", "bytes"),
            Column.number("first loss", "", 4),
            Column.number("last loss", "", 4),
            Column.number("PyTorch eager", "tokens/s", 4),
            Column.number("PyTorch compiled", "tokens/s", 4),
            Column.number("times PyTorch's best", "", 3)),
        results.stream()
            .map(r ->
                ResultTable.row(
                    r.name(),
                    r.precision().name().toLowerCase(Locale.ROOT),
                    r.window(),
                    r.parameters(),
                    r.seconds(),
                    r.tokensPerSecond(),
                    r.flops() / r.seconds() / 1e9,
                    r.rate() / 1e9,
                    100 * r.share(),
                    r.peakBytes(),
                    r.firstLoss(),
                    r.lastLoss(),
                    speed(r, r.pytorch().eager()),
                    speed(r, r.pytorch().compiled()),
                    r.timesPyTorch().orElse(Double.NaN)))
            .toList(),
        notes(results));
  }

  private static double speed(Result result, OptionalDouble seconds) {
    return seconds.isPresent() ? result.window() / seconds.getAsDouble() : Double.NaN;
  }

  /// What the rows do not say: versions, the best of ours against the best of PyTorch's, why a
  /// figure is missing.
  public static List<String> notes(List<Result> results) {
    List<String> notes = new ArrayList<>();
    results.stream()
        .map(r -> r.pytorch().versions())
        .filter(versions -> !versions.isEmpty())
        .distinct()
        .forEach(versions ->
            notes.add(versions + ": the same model, first weights, tokens and loss, in turns"));
    results.stream()
        .map(Result::name)
        .distinct()
        .forEach(name -> {
          List<Result> own = results.stream().filter(r -> r.name().equals(name)).toList();
          double ours = own.stream().mapToDouble(Result::seconds).min().orElseThrow();
          own.stream()
              .flatMap(r -> r.pytorch().best().stream().boxed())
              .min(Double::compare)
              .ifPresent(theirs ->
                  notes.add(
                      String.format(
                          Locale.ROOT,
                          "%s: the best of ours is %.2f times as fast as the best of PyTorch's",
                          name,
                          theirs / ours)));
        });
    Stream<String> missing =
        results.stream()
            .flatMap(r ->
                r.pytorch().reasons().stream()
                    .map(reason ->
                        String.format(
                            Locale.ROOT,
                            "PyTorch's figure is missing, %s %s: %s",
                            r.name(),
                            r.precision().name().toLowerCase(Locale.ROOT),
                            reason)));
    missing.forEach(notes::add);
    return notes;
  }
}
