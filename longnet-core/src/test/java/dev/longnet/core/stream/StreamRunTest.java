// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Streams that are cut off and go on.
class StreamRunTest {
  private static final long NEVER = Long.MAX_VALUE / 2;

  @TempDir Path folder;

  private static StreamingModel model(int vocabulary, int chunkTokens) {
    ModelConfig config =
        new ModelConfig(
            vocabulary,
            1,
            8,
            2,
            8,
            PositionEncoding.ROPE,
            true,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(16, 1), new Branch(64, 4)), HeadOffsets.INTERLEAVED));
    return StreamingModel.load(
        config,
        TestModels.weights(config, new Random(1))::get,
        StreamOptions.defaults().withThreads(1).withChunkTokens(chunkTokens));
  }

  /// cl100k_base with the tokens of one text numbered anew, for a model with a small vocabulary.
  private record FewTokens(Tokenizer base, int[] ids) implements Tokenizer {
    static FewTokens of(Tokenizer base, byte[] text) {
      return new FewTokens(
          base,
          IntStream.concat(Arrays.stream(base.encode(text)), IntStream.of(base.endOfText()))
              .sorted()
              .distinct()
              .toArray());
    }

    @Override
    public String name() {
      return base.name();
    }

    @Override
    public int vocabularySize() {
      return ids.length;
    }

    @Override
    public int endOfText() {
      return Arrays.binarySearch(ids, base.endOfText());
    }

    @Override
    public int[] encode(byte[] utf8) {
      return Arrays.stream(base.encode(utf8)).map(id -> Arrays.binarySearch(ids, id)).toArray();
    }

    @Override
    public byte[] decode(int[] tokens) {
      return base.decode(Arrays.stream(tokens).map(id -> ids[id]).toArray());
    }

    @Override
    public TextCuts cuts() {
      return base.cuts();
    }

    @Override
    public boolean lossless() {
      return base.lossless();
    }

    @Override
    public String fingerprint() {
      return base.fingerprint() + ids.length;
    }
  }

  /// Lines of 3 KB: text is cut at line ends, so at a stop some of it is at hand that a new reader
  /// does not have.
  @Test
  void anyPlaceOfATextIsFoundAgainWhereTextIsCutAtLines() throws IOException {
    Random random = new Random(5);
    StringBuilder lines = new StringBuilder();
    for (int line = 0; line < 50; line++) {
      for (int end = lines.length() + 2500 + random.nextInt(1000); lines.length() < end; ) {
        lines.append("id").append(random.nextInt(100)).append(' ');
      }
      lines.append('\n');
    }
    byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
    Path text = Files.write(folder.resolve("text"), bytes);
    Path saved = folder.resolve("s.state");
    Tokenizer tokenizer = FewTokens.of(Tokenizers.of("cl100k_base"), bytes);
    int chunk = 2500;
    try (StreamingModel model = model(tokenizer.vocabularySize(), chunk)) {
      StreamReport whole = read(model, text, tokenizer, null, saved, NEVER);
      assertThat(whole.bytes()).isEqualTo(bytes.length);
      // A stop at every chunk, each after the one before.
      StreamReport last = null;
      for (long stop = chunk; last == null || last.tokens() < whole.tokens(); stop += chunk) {
        last = read(model, text, tokenizer, last == null ? null : saved, saved, stop);
        assertThat(last.tokens()).isEqualTo(Math.min(stop, whole.tokens()));
      }
      same(last, whole);
      // A stop just before the end of what is at hand, where the most of it comes in other pieces.
      List<Long> stops = new ArrayList<>();
      try (StreamInput input = new StreamInput(List.of(text), "", tokenizer, false)) {
        long end = 0;
        for (int[] ids = input.next(); ids.length > 0; ids = input.next()) {
          end += ids.length;
          stops.add(end - 1);
        }
      }
      assertThat(stops).hasSizeGreaterThan(2);
      for (long stop : stops) {
        read(model, text, tokenizer, null, saved, stop);
        same(read(model, text, tokenizer, saved, saved, NEVER), whole);
      }
    }
  }

  private static void same(StreamReport report, StreamReport whole) {
    assertThat(report.tokens()).isEqualTo(whole.tokens());
    assertThat(report.bytes()).isEqualTo(whole.bytes());
    assertThat(report.scored()).isEqualTo(whole.scored());
    // Other chunks sum in another order.
    assertThat(report.nats() / report.scored())
        .isCloseTo(whole.nats() / whole.scored(), Offset.offset(1e-6));
  }

  /// Reads on from a saved state, or from the beginning, and saves.
  private static StreamReport read(
      StreamingModel model, Path text, Tokenizer tokenizer, Path from, Path to, long stop)
      throws IOException {
    StateFile.Loaded loaded = from == null ? null : StateFile.load(from, model);
    try (StreamInput input = new StreamInput(List.of(text), "", tokenizer, false);
        StreamSession session = model.newSession();
        StreamState state = loaded == null ? model.newStream() : loaded.state()) {
      StreamRun run = new StreamRun(session, input, state);
      if (loaded != null) {
        assertThat(run.resume(loaded.notes())).isTrue();
      }
      return run.run(new StreamRun.Plan(stop, NEVER, r -> {}, to, NEVER));
    }
  }

  /// As if killed after 350 tokens: what was saved on the way is there.
  @Test
  void aStreamThatDiesGoesOnFromItsLastSave() throws IOException {
    Path text =
        Files.writeString(
            folder.resolve("text"), "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(20));
    Path saved = folder.resolve("s.state");
    Tokenizer bytes = Tokenizers.of("bytes");
    try (StreamingModel model = model(257, 50)) {
      StreamReport whole = read(model, text, bytes, null, folder.resolve("whole.state"), NEVER);
      try (StreamInput input = new StreamInput(List.of(text), "", bytes, false);
          StreamSession session = model.newSession();
          StreamState state = model.newStream()) {
        StreamRun run = new StreamRun(session, input, state);
        List<Long> kept = new ArrayList<>();
        assertThatThrownBy(() ->
                run.run(
                    new StreamRun.Plan(
                        NEVER,
                        350,
                        r -> {
                          throw new IllegalStateException("killed at " + r.tokens());
                        },
                        saved,
                        100,
                        now -> kept.add(now.tokens()))))
            .hasMessage("killed at 350");
        assertThat(kept).containsExactly(100L, 200L, 300L);
      }
      try (StreamState state = StateFile.load(saved, model).state()) {
        assertThat(state.position()).isEqualTo(300);
      }
      same(read(model, text, bytes, saved, saved, NEVER), whole);
    }
  }
}
