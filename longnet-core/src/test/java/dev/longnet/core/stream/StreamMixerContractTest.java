// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.BranchedAttention;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.mixer.StreamMixer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.FieldSource;

/// What every mixer of a stream must do, alone and beside others: the whole pass in float64, chunks
/// of any size, single tokens, copied and reloaded states are one function, and the past does not
/// depend on the future. So it is behind a short convolution too. A new mixer is one more line in
/// `MODELS`.
@ParameterizedClass
@FieldSource("MODELS")
class StreamMixerContractTest {
  private static final double TOLERANCE = 5e-5;
  private static final int TOKENS = 170;

  private static final MixerConfig DILATED =
      new AttentionConfig.Dilated(
          List.of(new Branch(16, 1), new Branch(60, 3), new Branch(90, 7)), HeadOffsets.BLOCKED);
  private static final MixerConfig DENSE = new AttentionConfig.Dense();
  private static final MixerConfig SPARSE = new AttentionConfig.Sparse(24, 5);

  static final List<Model> MODELS =
      List.of(
          new Model("dilated", PositionEncoding.XPOS, List.of(DILATED)),
          new Model("dense", PositionEncoding.XPOS, List.of(DENSE)),
          new Model("sparse", PositionEncoding.ROPE, List.of(SPARSE)),
          new Model("sparse, even columns", PositionEncoding.NONE, List.of(evenSparse())),
          new Model("sliding", PositionEncoding.XPOS, List.of(sliding())),
          new Model("branches", PositionEncoding.ROPE, List.of(branches())),
          new Model("dense, dilated", PositionEncoding.XPOS, List.of(DENSE, DILATED)),
          new Model(
              "dilated, sparse, dense", PositionEncoding.XPOS, List.of(DILATED, SPARSE, DENSE)),
          new Model(
              "two dilated ones",
              PositionEncoding.ROPE,
              List.of(
                  DILATED,
                  new AttentionConfig.Dilated(
                      List.of(new Branch(50, 2)), HeadOffsets.INTERLEAVED))),
          new Model("dilated, convolved", PositionEncoding.XPOS, List.of(DILATED), 4),
          new Model("all, convolved", PositionEncoding.ROPE, List.of(SPARSE, DENSE, DILATED), 7),
          new Model("dense, convolved", PositionEncoding.NONE, List.of(DENSE), 2));

  /// @param taps where there are some, the first head carries no positions
  record Model(String name, PositionEncoding positions, List<MixerConfig> mixers, int taps) {
    Model(String name, PositionEncoding positions, List<MixerConfig> mixers) {
      this(name, positions, mixers, 0);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static MixerConfig evenSparse() {
    return new AttentionConfig.Sparse(24, 4);
  }

  private static MixerConfig sliding() {
    Branch near = new Branch(20, 1, Branch.Window.SLIDING, Branch.Dilate.BOTH, List.of(), 0);
    return new BranchedAttention(
        List.of(new BranchedAttention.Placed(near, List.of(), 0)), HeadOffsets.INTERLEAVED);
  }

  /// Every kind of window and shift, on some heads and layers.
  private static MixerConfig branches() {
    List<Branch> all =
        List.of(
            new Branch(16, 1, Branch.Window.TWO_SEGMENTS, Branch.Dilate.BOTH, List.of(), 5),
            new Branch(30, 3, Branch.Window.SLIDING, Branch.Dilate.KEYS, List.of(0, 2), 0),
            new Branch(64, 4, Branch.Window.SEGMENT, Branch.Dilate.KEYS, List.of(1), 10),
            new Branch(40, 3, Branch.Window.SLIDING, Branch.Dilate.BOTH, List.of(1, 2), 7),
            new Branch(500, 1, Branch.Window.SEGMENT, Branch.Dilate.BOTH, List.of(2), 0));
    List<List<Integer>> layers =
        List.of(List.of(), List.of(0, 3), List.of(1), List.of(), List.of(2));
    return new BranchedAttention(
        IntStream.range(0, all.size())
            .mapToObj(i -> new BranchedAttention.Placed(all.get(i), layers.get(i), i))
            .toList(),
        HeadOffsets.INTERLEAVED);
  }

  private final ModelConfig config;
  private final Map<String, TensorEntry> weights;
  private final int[] tokens;
  private final double[][] expected;

  StreamMixerContractTest(Model model) {
    Random random = new Random(7);
    // Decay base 8: references move every 128 tokens.
    config =
        new ModelConfig(37, 4, 24, 3, 40, model.positions(), 8, true, true, model.mixers())
            .withNopeHeads(
                model.taps() == 0 ? 0 : 1,
                model.taps() == 0 || model.positions() == PositionEncoding.NONE ? 0 : 40)
            .withShortConvolution(model.taps());
    weights = TestModels.weights(config, random);
    tokens = TestModels.tokens(config, TOKENS, random);
    expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
  }

  /// Scalar kernels: the same call gives the same bits however often it was compiled.
  private StreamingModel load() {
    return StreamingModel.load(
        config,
        weights::get,
        StreamOptions.defaults()
            .withKernel(KernelChoice.SCALAR)
            .withThreads(1)
            .withChunkTokens(64));
  }

  /// [n, V] of one chunk.
  private float[][] chunk(StreamSession session, StreamState state, int[] ids, int from, int n) {
    int v = config.vocabulary();
    float[][] rows = new float[n][v];
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats logits = memory.floats((long) n * v);
      session.read(state, ids, from, n, logits.segment());
      for (int i = 0; i < n * v; i++) {
        rows[i / v][i % v] = logits.get(i);
      }
    }
    return rows;
  }

  private float[] single(StreamSession session, StreamState state, int token) {
    session.read(state, new int[] {token}, 0, 1);
    float[] logits = new float[config.vocabulary()];
    session.logits(state, logits);
    return logits;
  }

  private void check(float[] actual, int token, String what) {
    for (int i = 0; i < actual.length; i++) {
      if (!(Math.abs(actual[i] - expected[token][i]) <= TOLERANCE)) {
        throw new AssertionError(
            "%s: token %d logit %d: %s expected %s"
                .formatted(what, token, i, actual[i], expected[token][i]));
      }
    }
  }

  @Test
  void chunksOfAnySizeAreTheWholePass() {
    try (StreamingModel model = load();
        StreamSession session = model.newSession()) {
      for (int size : new int[] {1, 2, 15, 16, 17, 63, 64, 65, TOKENS}) {
        try (StreamState state = model.newStream()) {
          for (int from = 0; from < TOKENS; from += size) {
            float[][] rows = chunk(session, state, tokens, from, Math.min(size, TOKENS - from));
            for (int i = 0; i < rows.length; i++) {
              check(rows[i], from + i, "chunks of " + size);
            }
          }
        }
      }
    }
  }

  @Test
  void singleTokensAreTheWholePassAndGoOnAfterChunks() {
    try (StreamingModel model = load();
        StreamSession session = model.newSession();
        StreamState alone = model.newStream();
        StreamState mixed = model.newStream()) {
      for (int t = 0; t < TOKENS; t++) {
        check(single(session, alone, tokens[t]), t, "single tokens");
      }
      for (int from = 0, n = 1; from < TOKENS; from += n, n = 1 + (5 * n + 7) % 31) {
        n = Math.min(n, TOKENS - from);
        if (n > 1) {
          chunk(session, mixed, tokens, from, n - 1);
        }
        check(single(session, mixed, tokens[from + n - 1]), from + n - 1, "after a chunk");
      }
    }
  }

  @Test
  void aBatchOfStreamsIsEachOfThem() {
    try (StreamingModel model = load();
        StreamSession session = model.newSession();
        StreamState early = model.newStream();
        StreamState late = model.newStream()) {
      session.read(early, tokens, 0, 3);
      session.read(late, tokens, 0, 100);
      float[][] logits = new float[2][config.vocabulary()];
      for (int i = 0; i < 60; i++) {
        session.step(List.of(early, late), new int[] {tokens[3 + i], tokens[100 + i]});
        session.logits(List.of(early, late), logits);
        check(logits[0], 3 + i, "early in a batch");
        check(logits[1], 100 + i, "late in a batch");
      }
    }
  }

  /// Bit for bit: whatever way a state was handed on, it is the same state.
  @Test
  void copiesAndReloadedStatesGoOnAsTheOriginal() throws IOException {
    try (StreamingModel model = load();
        StreamSession session = model.newSession();
        StreamState original = model.newStream()) {
      for (int from = 0; from < TOKENS - 20; from += 25) {
        session.read(original, tokens, from, 25);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        StateFile.write(bytes, original, Map.of("a", "b"));
        int left = TOKENS - from - 25;
        try (StreamState known = reload(bytes, OptionalLong.of(bytes.size()), model);
            StreamState unknown = reload(bytes, OptionalLong.empty(), model);
            StreamState copy = original.copy();
            StreamState other = original.copy()) {
          // Another future in one copy changes nothing for the rest.
          session.read(other, new int[] {1, 2, 3, 4, 5}, 0, 5);
          ByteArrayOutputStream again = new ByteArrayOutputStream();
          StateFile.write(again, known, Map.of("a", "b"));
          assertThat(again.toByteArray()).isEqualTo(bytes.toByteArray());
          float[][] first = future(session, copy, from + 25, left);
          assertThat(future(session, known, from + 25, left)).isDeepEqualTo(first);
          assertThat(future(session, unknown, from + 25, left)).isDeepEqualTo(first);
          try (StreamState last = original.copy()) {
            assertThat(future(session, last, from + 25, left)).isDeepEqualTo(first);
          }
          for (int i = 0; i < left; i++) {
            check(first[i], from + 25 + i, "a copy");
          }
        }
      }
    }
  }

  private static StreamState reload(
      ByteArrayOutputStream bytes, OptionalLong length, StreamingModel model) throws IOException {
    return StateFile.read(new ByteArrayInputStream(bytes.toByteArray()), length, model).state();
  }

  /// A chunk, then single tokens.
  private float[][] future(StreamSession session, StreamState state, int from, int n) {
    float[][] rows = new float[n][];
    float[][] half = chunk(session, state, tokens, from, n / 2);
    for (int i = 0; i < n; i++) {
      rows[i] = i < half.length ? half[i] : single(session, state, tokens[from + i]);
    }
    return rows;
  }

  @Test
  void editingTheFutureChangesNothingBeforeIt() {
    int edited = 77;
    int[] others = tokens.clone();
    for (int i = edited; i < TOKENS; i++) {
      others[i] = (others[i] + 1) % config.vocabulary();
    }
    try (StreamingModel model = load();
        StreamSession session = model.newSession();
        StreamState a = model.newStream();
        StreamState b = model.newStream()) {
      float[][] one = chunk(session, a, tokens, 0, TOKENS);
      float[][] two = chunk(session, b, others, 0, TOKENS);
      assertThat(Arrays.copyOf(two, edited)).isDeepEqualTo(Arrays.copyOf(one, edited));
      assertThat(two[edited]).isNotEqualTo(one[edited]);
    }
  }

  /// What a memory writes is as long as its mixer says, and its reference one that the mixer knows,
  /// after any number of tokens.
  @Test
  void aMixerKnowsWhatItsMemoriesWrite() throws IOException {
    try (StreamingModel model = load();
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      for (int token : tokens) {
        for (int layer = 0; layer < config.layers(); layer++) {
          StreamMixer mixer = model.weights().layers.get(layer).mixer();
          long[] floats = {0};
          state
              .memories
              .get(layer)
              .write(state.position(), (from, index, count) -> floats[0] += count);
          assertThat(4.0 * floats[0]).isEqualTo(mixer.storedBytes(state.position()));
          long reference = state.memories.get(layer).reference();
          assertThat(mixer.isReference(reference, state.position())).isTrue();
        }
        session.read(state, new int[] {token}, 0, 1);
      }
    }
  }

  @Test
  void everythingIsFreed() {
    long before = NativeMemory.held();
    try (StreamingModel model = load();
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      session.read(state, tokens, 0, 150);
      try (StreamState copy = state.copy()) {
        session.step(List.of(state, copy), new int[] {1, 2});
      }
      assertThat(NativeMemory.held()).isGreaterThan(before);
    }
    assertThat(NativeMemory.held()).isEqualTo(before);
  }
}
