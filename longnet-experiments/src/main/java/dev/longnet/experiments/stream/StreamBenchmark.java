package dev.longnet.experiments.stream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.report.StreamCharts;
import dev.longnet.core.stream.StateFile;
import dev.longnet.core.stream.StreamInput;
import dev.longnet.core.stream.StreamReport;
import dev.longnet.core.stream.StreamRun;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// One stream from its first token to its last, timed at the decades: seconds, state and resident
/// memory, and the exponent e of time ~ tokens^e beyond 100,000 tokens. Saved as it goes: a run
/// that was cut off goes on from its last saved state.
public final class StreamBenchmark {
  private static final long EXPONENT_FROM = 100_000;
  private static final int WARM_UP = 400_000;

  /// Tokens that are checked first: beyond the shortest segment.
  static final int CHECKED = 700;

  /// Tokens between two reports of progress.
  public static final long PROGRESS = 1_000_000;

  private StreamBenchmark() {}

  /// @param seconds of reading up to here, saving left out
  /// @param tokensPerSecond since the mark before
  public record Mark(
      long tokens,
      double seconds,
      double tokensPerSecond,
      double perplexity,
      long stateBytes,
      long peakResidentBytes) {}

  /// Who watches a run.
  public interface Watcher {
    /// The stream begins, or goes on after `tokens` tokens; [StreamRun#requestStop] ends it early,
    /// saved.
    default void started(StreamRun run, long tokens) {}

    /// Every [#PROGRESS] tokens.
    default void progress(StreamReport report) {}

    /// A mark was reached, now or by an earlier run.
    void mark(Mark mark);
  }

  /// @param directory gets `stream.state`, `stream.json` and, at the end, `stream.svg`
  /// @return the marks reached: the last one is at `tokens` unless somebody stopped the run
  public static List<Mark> run(
      StreamingModel model,
      Tokenizer tokenizer,
      List<Path> inputs,
      String suffix,
      long tokens,
      long saveEvery,
      Path directory,
      Watcher watcher)
      throws IOException {
    Files.createDirectories(directory);
    Path saved = directory.resolve("stream.state");
    Path json = directory.resolve("stream.json");
    verify(model, CHECKED);
    try (StreamInput input = new StreamInput(inputs, suffix, tokenizer, true)) {
      warmUp(model, new StreamInput(inputs, suffix, tokenizer, true));
      List<Mark> marks = new ArrayList<>();
      StateFile.Loaded loaded = Files.exists(saved) ? StateFile.load(saved, model) : null;
      try (StreamState state = loaded == null ? model.newStream() : loaded.state()) {
        StreamRun run = new StreamRun(model, input, state);
        if (loaded != null) {
          if (!run.resume(loaded.notes())) {
            throw new IllegalArgumentException(saved + " was saved while reading another input");
          }
          marks.addAll(read(json).stream().filter(m -> m.tokens() <= state.position()).toList());
          marks.forEach(watcher::mark);
        }
        watcher.started(run, state.position());
        for (long mark : marks(tokens)) {
          // A run that was killed between saving at a mark and writing it down reads nothing here
          // and writes it down now.
          if (mark < state.position() || marks.stream().anyMatch(m -> m.tokens() == mark)) {
            continue;
          }
          StreamReport report =
              run.run(new StreamRun.Plan(mark, PROGRESS, watcher::progress, saved, saveEvery));
          if (report.tokens() < mark) {
            return marks;
          }
          Mark before = marks.isEmpty() ? new Mark(0, 0, 0, 0, 0, 0) : marks.getLast();
          Mark reached =
              new Mark(
                  report.tokens(),
                  report.seconds(),
                  (report.tokens() - before.tokens()) / (report.seconds() - before.seconds()),
                  report.perplexity(),
                  report.stateBytes(),
                  Math.max(before.peakResidentBytes(), report.peakResidentBytes()));
          marks.add(reached);
          write(json, model, marks);
          watcher.mark(reached);
        }
      }
      AtomicFiles.writeString(directory.resolve("stream.svg"), chart(marks));
      return marks;
    }
  }

  /// 10^4, 10^5, … below `tokens`, then `tokens`.
  static List<Long> marks(long tokens) {
    List<Long> marks = new ArrayList<>();
    for (long mark = 10_000; mark < tokens; mark *= 10) {
      marks.add(mark);
    }
    marks.add(tokens);
    return marks;
  }

  /// The slope of log(seconds) over log(tokens) by least squares, beyond 100,000 tokens; NaN with
  /// fewer than two marks there.
  public static double exponent(List<Mark> marks) {
    List<Mark> late = marks.stream().filter(m -> m.tokens() >= EXPONENT_FROM).toList();
    double x = late.stream().mapToDouble(m -> Math.log(m.tokens())).average().orElse(Double.NaN);
    double y = late.stream().mapToDouble(m -> Math.log(m.seconds())).average().orElse(Double.NaN);
    double above = 0;
    double below = 0;
    for (Mark m : late) {
      above += (Math.log(m.tokens()) - x) * (Math.log(m.seconds()) - y);
      below += (Math.log(m.tokens()) - x) * (Math.log(m.tokens()) - x);
    }
    return late.size() < 2 ? Double.NaN : above / below;
  }

  /// Chunks and single tokens must agree before anything is timed.
  static void verify(StreamingModel model, int count) {
    int[] tokens = new java.util.Random(1).ints(count, 0, model.config().vocabulary()).toArray();
    float[] a = new float[model.config().vocabulary()];
    float[] b = new float[model.config().vocabulary()];
    try (StreamState whole = model.newStream();
        StreamState single = model.newStream()) {
      model.read(whole, tokens, 0, tokens.length);
      for (int i = 0; i < tokens.length; i++) {
        model.read(single, tokens, i, 1);
      }
      model.logits(whole, a);
      model.logits(single, b);
    }
    for (int i = 0; i < a.length; i++) {
      if (!(Math.abs(a[i] - b[i]) <= 1e-3 * (1 + Math.abs(a[i])))) {
        throw new IllegalStateException(
            "chunks and single tokens disagree: logit " + i + " " + a[i] + " and " + b[i]);
      }
    }
  }

  /// The compiler's work belongs to no decade.
  private static void warmUp(StreamingModel model, StreamInput input) throws IOException {
    try (input;
        StreamState state = model.newStream()) {
      new StreamRun(model, input, state)
          .run(new StreamRun.Plan(WARM_UP, Long.MAX_VALUE / 2, r -> {}, null, Long.MAX_VALUE / 2));
    }
  }

  private static String chart(List<Mark> marks) {
    double[] tokens = marks.stream().mapToDouble(Mark::tokens).toArray();
    return StreamCharts.logarithmic(
        "Time to read a stream",
        "seconds",
        List.of(
            new StreamCharts.Line(
                "", tokens, marks.stream().mapToDouble(Mark::seconds).toArray())));
  }

  private static void write(Path file, StreamingModel model, List<Mark> marks) throws IOException {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("kernels", model.describe());
    json.put("weight_bytes", model.weightBytes());
    double exponent = exponent(marks);
    if (Double.isFinite(exponent)) {
      json.put("exponent", exponent);
    }
    ArrayNode rows = json.putArray("marks");
    for (Mark m : marks) {
      ObjectNode row = rows.addObject();
      row.put("tokens", m.tokens());
      row.put("seconds", m.seconds());
      row.put("tokens_per_second", m.tokensPerSecond());
      row.put("perplexity", m.perplexity());
      row.put("state_bytes", m.stateBytes());
      row.put("peak_resident_bytes", m.peakResidentBytes());
    }
    AtomicFiles.writeString(file, json.toPrettyString() + "\n");
  }

  private static List<Mark> read(Path file) throws IOException {
    List<Mark> marks = new ArrayList<>();
    if (Files.exists(file)) {
      JsonNode tree;
      try {
        tree = new ObjectMapper().readTree(file.toFile());
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException(
            "damaged results of an earlier run, delete them and their stream.state: " + file, e);
      }
      for (JsonNode row : tree.path("marks")) {
        marks.add(
            new Mark(
                row.path("tokens").asLong(),
                row.path("seconds").asDouble(),
                row.path("tokens_per_second").asDouble(),
                row.path("perplexity").asDouble(),
                row.path("state_bytes").asLong(),
                row.path("peak_resident_bytes").asLong()));
      }
    }
    return marks;
  }
}
