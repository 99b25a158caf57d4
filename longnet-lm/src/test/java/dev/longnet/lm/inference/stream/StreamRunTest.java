package dev.longnet.lm.inference.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.Branch;
import dev.longnet.lm.config.AttentionConfig;
import dev.longnet.lm.config.ModelConfig;
import dev.longnet.lm.config.PositionEncoding;
import dev.longnet.lm.data.Tokenizer;
import dev.longnet.lm.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
        new ModelConfig(vocabulary, 1, 8, 2, 8, PositionEncoding.ROPE, true, true,
            new AttentionConfig.Dilated(List.of(new Branch(16, 1), new Branch(64, 4)), false));
    return StreamingModel.load(config, TestModels.weights(config, new Random(1))::get,
        StreamOptions.defaults().withThreads(1).withChunkTokens(chunkTokens));
  }

  /// cl100k_base with the tokens of one text numbered anew, for a model with a small vocabulary.
  private record FewTokens(Tokenizer base, int[] ids) implements Tokenizer {
    static FewTokens of(Tokenizer base, byte[] text) {
      return new FewTokens(base, IntStream.concat(Arrays.stream(base.encode(text)), IntStream.of(base.endOfText())).sorted().distinct().toArray());
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
    public boolean lossless() {
      return base.lossless();
    }

    @Override
    public String fingerprint() {
      return base.fingerprint() + ids.length;
    }
  }

  /// Lines of 3 KB: text is cut at line ends, so at a stop some of it is at hand that a new reader does not have.
  @Test
  void anyPlaceOfATextIsFoundAgainWhereTextIsCutAtLines() throws IOException {
    Random random = new Random(5);
    StringBuilder lines = new StringBuilder();
    for (int line = 0; line < 75; line++) {
      for (int start = lines.length(); lines.length() - start < 2500 + random.nextInt(1000); ) {
        lines.append("item").append(random.nextInt(300)).append(' ');
      }
      lines.append('\n');
    }
    byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
    Path text = Files.write(folder.resolve("text"), bytes);
    Path saved = folder.resolve("s.state");
    Tokenizer tokenizer = FewTokens.of(Tokenizers.of("cl100k_base"), bytes);
    int chunk = 2500;
    try (StreamingModel model = model(tokenizer.vocabularySize(), chunk)) {
      StreamReport whole;
      try (StreamInput input = new StreamInput(List.of(text), "", tokenizer, false); StreamState state = model.newStream()) {
        whole = new StreamRun(model, input, state).run(new StreamRun.Plan(NEVER, NEVER, r -> { }, saved.resolveSibling("whole.state"), NEVER));
      }
      assertThat(whole.tokens()).as("several times what is taken at once").isGreaterThan(3 * DocumentTokens.PIECE);
      StreamReport last = null;
      for (long stop = chunk; last == null || last.tokens() < whole.tokens(); stop += chunk) {
        StateFile.Loaded loaded = last == null ? null : StateFile.load(saved, model);
        try (StreamInput input = new StreamInput(List.of(text), "", tokenizer, false);
            StreamState state = loaded == null ? model.newStream() : loaded.state()) {
          StreamRun run = new StreamRun(model, input, state);
          if (loaded != null) {
            assertThat(run.resume(loaded.notes())).isTrue();
          }
          last = run.run(new StreamRun.Plan(stop, NEVER, r -> { }, saved, NEVER));
          assertThat(last.tokens()).isEqualTo(Math.min(stop, whole.tokens()));
        }
      }
      assertThat(last.bytes()).isEqualTo(bytes.length);
      assertThat(last.scored()).isEqualTo(whole.scored());
      // Other chunks sum in another order.
      assertThat(last.nats() / last.scored()).isCloseTo(whole.nats() / whole.scored(), Offset.offset(1e-6));
    }
  }

  /// As if killed after 350 tokens: what was saved on the way is there.
  @Test
  void aStreamThatDiesGoesOnFromItsLastSave() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(20));
    Path saved = folder.resolve("s.state");
    Tokenizer bytes = Tokenizers.of("bytes");
    try (StreamingModel model = model(257, 50)) {
      StreamReport whole;
      try (StreamInput input = new StreamInput(List.of(text), "", bytes, false); StreamState state = model.newStream()) {
        whole = new StreamRun(model, input, state).run(new StreamRun.Plan(NEVER, NEVER, r -> { }, null, NEVER));
      }
      try (StreamInput input = new StreamInput(List.of(text), "", bytes, false); StreamState state = model.newStream()) {
        StreamRun run = new StreamRun(model, input, state);
        assertThatThrownBy(() -> run.run(new StreamRun.Plan(NEVER, 350, r -> {
          throw new IllegalStateException("killed at " + r.tokens());
        }, saved, 100))).hasMessage("killed at 350");
      }
      StateFile.Loaded loaded = StateFile.load(saved, model);
      try (StreamInput input = new StreamInput(List.of(text), "", bytes, false); StreamState state = loaded.state()) {
        assertThat(state.position()).isEqualTo(300);
        StreamRun run = new StreamRun(model, input, state);
        assertThat(run.resume(loaded.notes())).isTrue();
        StreamReport last = run.run(new StreamRun.Plan(NEVER, NEVER, r -> { }, null, NEVER));
        assertThat(last.tokens()).isEqualTo(whole.tokens());
        assertThat(last.scored()).isEqualTo(whole.scored());
        assertThat(last.nats()).isCloseTo(whole.nats(), Offset.offset(1e-6 * whole.scored()));
      }
    }
  }
}
