// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.report.StreamCharts;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;

/// Dilated, sparse and dense attention in the same small model: what a stream holds and what its
/// next tokens cost.
public final class StreamComparison {
  private static final int PIECE = 4096;

  /// Whose median is a point's time.
  private static final int PIECES = 5;

  private static final long WEIGHTS_SEED = 1;
  private static final long TOKENS_SEED = 2;
  private static final long WARM_UP_NANOS = 3_000_000_000L;

  private StreamComparison() {}

  /// @param microseconds a token: the median of the last five whole pieces of 4,096, of fewer where
  ///   the point before is nearer
  public record Point(String attention, long tokens, double microseconds, long stateBytes) {}

  /// The table has a row for each point. Parameters are those of [#run].
  public static Experiment experiment(
      long tokens, StreamOptions options, Path directory, Consumer<Point> onPoint) {
    return new Experiment(
        "compare",
        "With dilated attention the next token costs the same after any number of tokens; "
            + "with sparse and dense attention its cost and the state grow.",
        List.of(WEIGHTS_SEED, TOKENS_SEED),
        soFar -> {
          List<Point> points = new ArrayList<>();
          return content(
              run(
                  tokens,
                  options,
                  directory,
                  point -> {
                    points.add(point);
                    soFar.accept(content(points));
                    onPoint.accept(point);
                  }));
        });
  }

  /// Points at 4,096 tokens, 8,192, 16,384, … below `tokens`, and at `tokens`.
  ///
  /// @param directory gets `compare.svg`
  public static List<Point> run(
      long tokens, StreamOptions options, Path directory, Consumer<Point> onPoint)
      throws IOException {
    if (tokens < PIECE) {
      throw new FieldException(
          "%1$s must be at least %2$d: %1$s=%3$d", Field.of("tokens"), PIECE, tokens);
    }
    Map<String, AttentionConfig> attentions = new LinkedHashMap<>();
    attentions.put("dilated", StreamModels.growing(tokens));
    attentions.put("sparse", new AttentionConfig.Sparse(512, 16));
    attentions.put("dense", new AttentionConfig.Dense());
    List<Point> points = new ArrayList<>();
    attentions.forEach((name, attention) -> {
      try (StreamingModel model =
              StreamModels.random(StreamModels.small(attention), WEIGHTS_SEED, options);
          StreamSession session = model.newSession()) {
        StreamBenchmark.verify(session, StreamBenchmark.CHECKED);
        int[] text = new Random(TOKENS_SEED).ints(PIECE, 0, 256).toArray();
        for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
          try (StreamState warm = model.newStream()) {
            session.read(warm, text, 0, text.length);
            session.read(warm, text, 0, text.length);
          }
        }
        try (StreamState state = model.newStream()) {
          for (long mark : marks(tokens)) {
            List<Double> microseconds = new ArrayList<>();
            while (state.position() < mark) {
              int n = (int) Math.min(PIECE, mark - state.position());
              long start = System.nanoTime();
              session.read(state, text, 0, n);
              // A rest shorter than a piece is slower a token, and counts only where there is
              // nothing else.
              if (n == PIECE || microseconds.isEmpty()) {
                microseconds.add((System.nanoTime() - start) / 1e3 / n);
              }
            }
            List<Double> last =
                microseconds.subList(
                    Math.max(0, microseconds.size() - PIECES), microseconds.size());
            Point point = new Point(name, mark, Statistics.median(last), state.bytes());
            points.add(point);
            onPoint.accept(point);
          }
        }
      }
    });
    AtomicFiles.writeString(
        directory.resolve("compare.svg"),
        StreamCharts.sideBySide(
            StreamCharts.logarithmic(
                "What a stream holds", "bytes", lines(attentions, points, true)),
            StreamCharts.logarithmic(
                "What reading its next tokens costs",
                "microseconds",
                lines(attentions, points, false))));
    return points;
  }

  private static List<Long> marks(long tokens) {
    List<Long> marks = new ArrayList<>();
    for (long mark = PIECE; mark < tokens; mark *= 2) {
      marks.add(mark);
    }
    marks.add(tokens);
    return marks;
  }

  private static ResultTable.Content content(List<Point> points) {
    return new ResultTable.Content(
        List.of(
            Column.text("attention"),
            Column.integer("tokens", ""),
            Column.number("time a token", "µs", 3),
            Column.integer("state", "bytes")),
        points.stream()
            .map(p -> ResultTable.row(p.attention(), p.tokens(), p.microseconds(), p.stateBytes()))
            .toList(),
        List.of());
  }

  private static List<StreamCharts.Line> lines(
      Map<String, AttentionConfig> attentions, List<Point> points, boolean memory) {
    return attentions.keySet().stream()
        .map(name -> {
          List<Point> own = points.stream().filter(p -> p.attention().equals(name)).toList();
          return new StreamCharts.Line(
              name,
              own.stream().mapToDouble(Point::tokens).toArray(),
              own.stream().mapToDouble(p -> memory ? p.stateBytes() : p.microseconds()).toArray());
        })
        .toList();
  }
}
