package dev.longnet.experiments.stream;

import dev.longnet.experiments.report.StreamCharts;
import dev.longnet.lm.config.AttentionConfig;
import dev.longnet.lm.inference.stream.StreamOptions;
import dev.longnet.lm.inference.stream.StreamState;
import dev.longnet.lm.inference.stream.StreamingModel;
import dev.longnet.lm.io.AtomicFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;

/// Dilated, sparse and dense attention in the same small model: what a stream holds and what its next tokens cost.
public final class StreamComparison {
  private StreamComparison() {}

  /// @param microseconds a token, over the last 4,096
  public record Point(String attention, long tokens, double microseconds, long stateBytes) {}

  /// @param directory gets `memory.svg` and `time.svg`
  public static List<Point> run(long tokens, StreamOptions options, Path directory, Consumer<Point> onPoint) throws IOException {
    Map<String, AttentionConfig> attentions = new LinkedHashMap<>();
    attentions.put("dilated", StreamModels.growing(tokens));
    attentions.put("sparse", new AttentionConfig.Sparse(512, 16));
    attentions.put("dense", new AttentionConfig.Dense());
    List<Point> points = new ArrayList<>();
    attentions.forEach(
        (name, attention) -> {
          try (StreamingModel model = StreamModels.random(StreamModels.small(attention), 1, options)) {
            int[] text = new Random(2).ints(4096, 0, 256).toArray();
            try (StreamState warm = model.newStream()) {
              for (int i = 0; i < 20; i++) {
                model.read(warm, text, 0, text.length);
              }
            }
            try (StreamState state = model.newStream()) {
              for (long mark = text.length; mark <= tokens; mark *= 2) {
                double seconds = 0;
                while (state.position() < mark) {
                  long start = System.nanoTime();
                  model.read(state, text, 0, text.length);
                  seconds = (System.nanoTime() - start) / 1e9;
                }
                Point point = new Point(name, state.position(), seconds / text.length * 1e6, state.bytes());
                points.add(point);
                onPoint.accept(point);
              }
            }
          }
        });
    AtomicFiles.writeString(directory.resolve("memory.svg"),
        StreamCharts.logarithmic("What a stream holds", "bytes", lines(attentions, points, true)));
    AtomicFiles.writeString(directory.resolve("time.svg"),
        StreamCharts.logarithmic("What the next token costs", "microseconds", lines(attentions, points, false)));
    return points;
  }

  private static List<StreamCharts.Line> lines(Map<String, AttentionConfig> attentions, List<Point> points, boolean memory) {
    return attentions.keySet().stream()
        .map(
            name -> {
              List<Point> own = points.stream().filter(p -> p.attention().equals(name)).toList();
              return new StreamCharts.Line(name, own.stream().mapToDouble(Point::tokens).toArray(),
                  own.stream().mapToDouble(p -> memory ? p.stateBytes() : p.microseconds()).toArray());
            })
        .toList();
  }
}
