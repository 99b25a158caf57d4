// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.report.StreamCharts;
import dev.longnet.core.stream.StateFile;
import dev.longnet.core.stream.StreamInput;
import dev.longnet.core.stream.StreamReport;
import dev.longnet.core.stream.StreamRun;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/// One stream from its first token to its last, timed at the decades: seconds, state and resident
/// memory, and the exponent e of time ~ tokens^e beyond 100,000 tokens. Saved as it goes: a run
/// that was cut off goes on from its last saved state.
public final class StreamBenchmark {
  private static final long EXPONENT_FROM = 100_000;
  private static final int WARM_UP = 400_000;

  /// Tokens that are checked first: beyond the shortest segment.
  static final int CHECKED = 700;

  /// The table in a run's directory.
  public static final String RESULTS = "stream.json";

  private static final String STATE = "stream.state";
  private static final String NAME = "stream";
  private static final long CHECK_SEED = 1;

  /// Tokens between two reports of progress.
  public static final long PROGRESS = 1_000_000;

  private StreamBenchmark() {}

  /// What the stream reads, again and again.
  ///
  /// @param suffix only files whose names end so; empty: all
  public record Text(List<Path> inputs, String suffix, Tokenizer tokenizer) {
    private StreamInput open() throws IOException {
      return new StreamInput(inputs, suffix, tokenizer, true);
    }
  }

  /// How far it goes.
  ///
  /// @param saveEvery tokens between two saved states
  /// @param directory gets `stream.state` and, at the end, `stream.svg`; marks of an earlier start
  ///   are read from its [#RESULTS], which is where the table belongs
  public record Plan(long tokens, long saveEvery, Path directory) {}

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

  /// The table has a row for each mark. The last one is at all tokens unless somebody stopped the
  /// run.
  public static Experiment experiment(StreamingModel model, Text text, Plan plan, Watcher watcher) {
    return new Experiment(
        NAME,
        "The time to read a text grows as its tokens to the power of at most 1.02, "
            + "in a state whose size the model bounds.",
        List.of(CHECK_SEED),
        soFar ->
            content(
                model,
                run(model, text, plan, watcher, marks -> soFar.accept(content(model, marks)))));
  }

  /// The table of the run that goes on in this directory; none where it begins there.
  ///
  /// @throws IllegalArgumentException when it is damaged
  public static Optional<ResultTable> earlier(Path directory) throws IOException {
    Path json = directory.resolve(RESULTS);
    if (!Files.exists(json) || !Files.exists(directory.resolve(STATE))) {
      return Optional.empty();
    }
    try {
      return Optional.of(TableJson.read(json));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "an earlier run's results can't be read, delete them and their "
              + STATE
              + ": "
              + e.getMessage(),
          e);
    }
  }

  private static List<Mark> run(
      StreamingModel model, Text text, Plan plan, Watcher watcher, Consumer<List<Mark>> soFar)
      throws IOException {
    Path directory = plan.directory();
    Files.createDirectories(directory);
    Path saved = directory.resolve(STATE);
    List<Mark> before = earlier(directory).map(table -> marks(table)).orElse(List.of());
    try (StreamSession session = model.newSession();
        StreamInput input = text.open()) {
      verify(session, CHECKED);
      warmUp(session, text.open());
      List<Mark> marks = new ArrayList<>();
      StateFile.Loaded loaded = Files.exists(saved) ? StateFile.load(saved, model) : null;
      try (StreamState state = loaded == null ? model.newStream() : loaded.state()) {
        StreamRun run = new StreamRun(session, input, state);
        if (loaded != null) {
          if (!run.resume(loaded.notes())) {
            throw new IllegalArgumentException(saved + " was saved while reading another input");
          }
          marks.addAll(before.stream().filter(m -> m.tokens() <= state.position()).toList());
          marks.forEach(watcher::mark);
        }
        watcher.started(run, state.position());
        for (long mark : marks(plan.tokens())) {
          // A run that was killed between saving at a mark and writing it down reads nothing here
          // and writes it down now.
          if (mark < state.position() || marks.stream().anyMatch(m -> m.tokens() == mark)) {
            continue;
          }
          StreamReport report =
              run.run(
                  new StreamRun.Plan(mark, PROGRESS, watcher::progress, saved, plan.saveEvery()));
          if (report.tokens() < mark) {
            return marks;
          }
          Mark last = marks.isEmpty() ? new Mark(0, 0, 0, 0, 0, 0) : marks.getLast();
          Mark reached =
              new Mark(
                  report.tokens(),
                  report.seconds(),
                  (report.tokens() - last.tokens()) / (report.seconds() - last.seconds()),
                  report.perplexity(),
                  report.stateBytes(),
                  Math.max(last.peakResidentBytes(), report.peakResidentBytes()));
          marks.add(reached);
          soFar.accept(marks);
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
    return Statistics.exponent(
        late.stream().mapToDouble(Mark::tokens).toArray(),
        late.stream().mapToDouble(Mark::seconds).toArray());
  }

  /// Chunks and single tokens must agree before anything is timed.
  static void verify(StreamSession session, int count) {
    StreamingModel model = session.model();
    int[] tokens =
        new java.util.Random(CHECK_SEED).ints(count, 0, model.config().vocabulary()).toArray();
    float[] a = new float[model.config().vocabulary()];
    float[] b = new float[model.config().vocabulary()];
    try (StreamState whole = model.newStream();
        StreamState single = model.newStream()) {
      session.read(whole, tokens, 0, tokens.length);
      for (int i = 0; i < tokens.length; i++) {
        session.read(single, tokens, i, 1);
      }
      session.logits(whole, a);
      session.logits(single, b);
    }
    for (int i = 0; i < a.length; i++) {
      if (!(Math.abs(a[i] - b[i]) <= 1e-3 * (1 + Math.abs(a[i])))) {
        throw new IllegalStateException(
            "chunks and single tokens disagree: logit " + i + " " + a[i] + " and " + b[i]);
      }
    }
  }

  /// The compiler's work belongs to no decade.
  private static void warmUp(StreamSession session, StreamInput input) throws IOException {
    try (input;
        StreamState state = session.model().newStream()) {
      new StreamRun(session, input, state)
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

  private static ResultTable.Content content(StreamingModel model, List<Mark> marks) {
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(Locale.ROOT, "%s; weights %,d bytes", model.describe(), model.weightBytes()));
    double exponent = exponent(marks);
    if (Double.isFinite(exponent)) {
      notes.add(String.format(Locale.ROOT, "time ~ tokens^%.4f beyond 100,000 tokens", exponent));
    }
    return new ResultTable.Content(
        List.of(
            Column.integer("tokens", ""),
            Column.number("time", "s", 4),
            Column.number("speed since the row above", "tokens/s", 4),
            Column.number("perplexity", "", 4),
            Column.integer("state", "bytes"),
            Column.integer("peak resident memory", "bytes")),
        marks.stream()
            .map(m ->
                ResultTable.row(
                    m.tokens(),
                    m.seconds(),
                    m.tokensPerSecond(),
                    m.perplexity(),
                    m.stateBytes(),
                    m.peakResidentBytes()))
            .toList(),
        notes);
  }

  /// @param table of this experiment
  /// @throws IllegalArgumentException when it is another's
  public static List<Mark> marks(ResultTable table) {
    double[][] columns =
        table.content().columns().stream()
            .map(column -> table.content().numbers(column.name()))
            .toArray(double[][]::new);
    if (!table.name().equals(NAME) || columns.length != 6) {
      throw new IllegalArgumentException(
          "not a stream's marks, move it elsewhere: " + RESULTS + " of " + table.name());
    }
    List<Mark> marks = new ArrayList<>();
    for (int i = 0; i < table.content().rows().size(); i++) {
      marks.add(
          new Mark(
              (long) columns[0][i],
              columns[1][i],
              columns[2][i],
              columns[3][i],
              (long) columns[4][i],
              (long) columns[5][i]));
    }
    return marks;
  }
}
