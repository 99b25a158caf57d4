package dev.longnet.experiments.stream;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.report.StreamCharts;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
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

  private static final long WARM_UP_NANOS = 3_000_000_000L;

  private StreamComparison() {}

  /// @param microseconds a token: the median of the last five whole pieces of 4,096, of fewer where
  ///   the point before is nearer
  public record Point(String attention, long tokens, double microseconds, long stateBytes) {}

  /// Points at 4,096 tokens, 8,192, 16,384, … below `tokens`, and at `tokens`.
  ///
  /// @param directory gets `compare.svg` and `compare.json`
  public static List<Point> run(
      long tokens, StreamOptions options, Path directory, Consumer<Point> onPoint)
      throws IOException {
    if (tokens < PIECE) {
      throw new IllegalArgumentException(
          "--tokens must be at least %d: --tokens=%d".formatted(PIECE, tokens));
    }
    Map<String, AttentionConfig> attentions = new LinkedHashMap<>();
    attentions.put("dilated", StreamModels.growing(tokens));
    attentions.put("sparse", new AttentionConfig.Sparse(512, 16));
    attentions.put("dense", new AttentionConfig.Dense());
    List<Point> points = new ArrayList<>();
    attentions.forEach((name, attention) -> {
      try (StreamingModel model = StreamModels.random(StreamModels.small(attention), 1, options)) {
        StreamBenchmark.verify(model, StreamBenchmark.CHECKED);
        int[] text = new Random(2).ints(PIECE, 0, 256).toArray();
        for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
          try (StreamState warm = model.newStream()) {
            model.read(warm, text, 0, text.length);
            model.read(warm, text, 0, text.length);
          }
        }
        try (StreamState state = model.newStream()) {
          for (long mark : marks(tokens)) {
            List<Double> microseconds = new ArrayList<>();
            while (state.position() < mark) {
              int n = (int) Math.min(PIECE, mark - state.position());
              long start = System.nanoTime();
              model.read(state, text, 0, n);
              // A rest shorter than a piece is slower a token, and counts only where there is
              // nothing else.
              if (n == PIECE || microseconds.isEmpty()) {
                microseconds.add((System.nanoTime() - start) / 1e3 / n);
              }
            }
            List<Double> last =
                microseconds
                    .subList(Math.max(0, microseconds.size() - PIECES), microseconds.size())
                    .stream()
                    .sorted()
                    .toList();
            Point point = new Point(name, mark, last.get(last.size() / 2), state.bytes());
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
    AtomicFiles.writeString(directory.resolve("compare.json"), json(points));
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

  private static String json(List<Point> points) {
    ArrayNode rows = new ObjectMapper().createArrayNode();
    for (Point p : points) {
      ObjectNode row = rows.addObject();
      row.put("attention", p.attention());
      row.put("tokens", p.tokens());
      row.put("microseconds_per_token", p.microseconds());
      row.put("state_bytes", p.stateBytes());
    }
    return rows.toPrettyString() + "\n";
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
