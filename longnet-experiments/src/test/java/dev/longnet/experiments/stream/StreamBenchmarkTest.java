// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamRun;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Two million tokens through a model whose branches grow to a billion: memory stays, and a second
/// start finds everything done.
class StreamBenchmarkTest {
  @TempDir Path folder;

  @Test
  @Tag("slow")
  void twoMillionTokens() throws Exception {
    Path text =
        Files.writeString(
            folder.resolve("text"),
            "static int add(int a, int b) { return a + b; }\n".repeat(2000));
    try (StreamingModel model =
        StreamModels.random(
            StreamModels.small(StreamModels.growing(1_000_000_000)), 1, StreamOptions.defaults())) {
      List<StreamBenchmark.Mark> marks = run(model, text, 2_000_000, "out", m -> {});
      assertThat(marks.stream().map(StreamBenchmark.Mark::tokens))
          .containsExactly(10_000L, 100_000L, 1_000_000L, 2_000_000L);
      // 8 branches of 512 rows, K and V, 64 channels, 2 layers, float32.
      assertThat(marks.getLast().stateBytes()).isLessThan(2 * 2 * 4L * 8 * 512 * 64 + 8192);
      assertThat(folder.resolve("out/stream.svg")).exists();
      // As if killed between saving at the last mark and writing it down.
      Path json = folder.resolve("out/stream.json");
      String written = Files.readString(json);
      ResultTable whole = TableJson.read(json);
      assertThat(whole.name()).isEqualTo("stream");
      assertThat(StreamBenchmark.marks(whole)).isEqualTo(marks);
      Files.writeString(json, written.replaceFirst(",\\n    \\[2000000.*]", ""));
      assertThat(StreamBenchmark.marks(TableJson.read(json))).hasSize(3);
      List<StreamBenchmark.Mark> restored = run(model, text, 2_000_000, "out", m -> {});
      assertThat(restored.stream().map(StreamBenchmark.Mark::tokens))
          .containsExactly(10_000L, 100_000L, 1_000_000L, 2_000_000L);
      assertThat(restored.getLast().seconds()).isEqualTo(marks.getLast().seconds());
      Files.writeString(json, written);
      List<StreamBenchmark.Mark> again = run(model, text, 2_000_000, "out", m -> {});
      assertThat(again).isEqualTo(marks);
      Files.writeString(json, written.replace("\"rows\"", "\"row\""));
      assertThatThrownBy(() -> run(model, text, 2_000_000, "out", m -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("delete them and their stream.state")
          .hasMessageContaining(json.toString());
    }
  }

  private List<StreamBenchmark.Mark> run(
      StreamingModel model, Path text, long tokens, String out, StreamBenchmark.Watcher watcher)
      throws IOException {
    Path directory = folder.resolve(out);
    return StreamBenchmark.marks(
        StreamBenchmark.experiment(
                model,
                new StreamBenchmark.Text(List.of(text), "", Tokenizers.of("bytes")),
                new StreamBenchmark.Plan(tokens, 700_000, directory),
                watcher)
            .run(
                Measured.here("", List.of()),
                Optional.of(directory.resolve(StreamBenchmark.RESULTS))));
  }

  /// What Ctrl-C does: stop early, saved, no mark made up; the next start goes on to the end with
  /// the same perplexity.
  @Test
  void aStoppedRunGoesOn() throws Exception {
    Path text =
        Files.writeString(
            folder.resolve("text"),
            "static int add(int a, int b) { return a + b; }\n".repeat(2000));
    try (StreamingModel model =
        StreamModels.random(
            StreamModels.small(StreamModels.growing(1_000_000_000)), 1, StreamOptions.defaults())) {
      StreamBenchmark.Watcher stopping =
          new StreamBenchmark.Watcher() {
            private StreamRun run;

            @Override
            public void started(StreamRun run, long tokens) {
              this.run = run;
            }

            @Override
            public void mark(StreamBenchmark.Mark mark) {
              if (mark.tokens() == 10_000) {
                run.requestStop();
              }
            }
          };
      List<StreamBenchmark.Mark> stopped = run(model, text, 200_000, "a", stopping);
      assertThat(stopped.stream().map(StreamBenchmark.Mark::tokens)).containsExactly(10_000L);
      assertThat(folder.resolve("a/stream.svg")).doesNotExist();
      List<StreamBenchmark.Mark> went = run(model, text, 200_000, "a", m -> {});
      List<StreamBenchmark.Mark> whole = run(model, text, 200_000, "b", m -> {});
      assertThat(went.stream().map(StreamBenchmark.Mark::tokens))
          .containsExactly(10_000L, 100_000L, 200_000L);
      assertThat(went.getLast().perplexity()).isCloseTo(whole.getLast().perplexity(), within(1e-4));
    }
  }

  /// seconds = 3e-6 tokens^1.05; what lies below 100,000 tokens does not count.
  @Test
  void theExponentIsTheSlopeOfMadeUpMarks() {
    List<StreamBenchmark.Mark> marks = new ArrayList<>();
    marks.add(new StreamBenchmark.Mark(10_000, 77, 1, 1, 1, 1));
    marks.add(mark(100_000));
    assertThat(StreamBenchmark.exponent(marks)).as("one point is no line").isNaN();
    for (long tokens : new long[] {1_000_000, 3_000_000, 10_000_000}) {
      marks.add(mark(tokens));
      assertThat(StreamBenchmark.exponent(marks)).isCloseTo(1.05, within(1e-9));
    }
  }

  private static StreamBenchmark.Mark mark(long tokens) {
    return new StreamBenchmark.Mark(tokens, 3e-6 * Math.pow(tokens, 1.05), 1, 1, 1, 1);
  }

  @Test
  void comparesWhatAttentionsHold() throws Exception {
    List<StreamComparison.Point> points = new ArrayList<>();
    ResultTable table =
        StreamComparison.experiment(18_000, StreamOptions.defaults(), folder, points::add)
            .run(Measured.here("", List.of()), Optional.of(folder.resolve("compare.json")));
    assertThat(points.stream().map(p -> p.attention() + p.tokens()))
        .containsExactly(
            "dilated4096",
            "dilated8192",
            "dilated16384",
            "dilated18000",
            "sparse4096",
            "sparse8192",
            "sparse16384",
            "sparse18000",
            "dense4096",
            "dense8192",
            "dense16384",
            "dense18000");
    // Keys and values of every token: 2 layers, 64 channels, float32; each array a little longer
    // than its numbers.
    assertThat(points.get(10).stateBytes())
        .isBetween(2 * 2 * 4L * 64 * 16_384, 2 * 2 * 4L * 64 * 16_384 + 1024);
    assertThat(points.get(2).stateBytes()).isLessThan(points.get(10).stateBytes() / 8);
    assertThat(points).allMatch(p -> p.microseconds() > 0);
    assertThat(Files.readString(folder.resolve("compare.svg")))
        .contains("What a stream holds", "What reading its next tokens costs");
    assertThat(TableJson.read(folder.resolve("compare.json"))).isEqualTo(table);
    assertThat(table.content().numbers("state"))
        .containsExactly(points.stream().mapToDouble(StreamComparison.Point::stateBytes).toArray());
    assertThatThrownBy(() -> StreamComparison.run(10, StreamOptions.defaults(), folder, p -> {}))
        .hasMessageContaining("tokens=10");
  }
}
