package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.Int8Rows;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.NativeFloats;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Function;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class StreamingModelTest {
  /// Rounding of some thousand float32 operations, on logits of size 1 to 5.
  private static final double TOLERANCE = 5e-5;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      longs = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
        26, 27, 28, 29, 30
      })
  void anyModelInChunksOfAnySizeGivesTheWholeForwardPass(long seed) {
    Random random = new Random(seed);
    ModelConfig config = TestModels.random(random);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 60 + random.nextInt(200), random);
    double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
    StreamOptions options =
        StreamOptions.defaults()
            .withKernel(random.nextInt(3) == 0 ? KernelChoice.SCALAR : KernelChoice.AUTO)
            .withThreads(1 + random.nextInt(2))
            .withChunkTokens(1 + random.nextInt(150));
    try (StreamingModel model = StreamingModel.load(config, weights::get, options);
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      for (int done = 0; done < tokens.length; ) {
        int n = Math.min(tokens.length - done, random.nextInt(4) == 0 ? 1 : 1 + random.nextInt(70));
        check(
            read(session, state, tokens, done, n),
            expected,
            done,
            "seed " + seed + " " + config + " " + options);
        done += n;
        assertThat(state.position()).isEqualTo(done);
      }
    }
  }

  /// [n, V]; one token goes through the decode path.
  private static float[][] read(
      StreamSession session, StreamState state, int[] tokens, int from, int n) {
    int v = session.model().config().vocabulary();
    float[][] rows = new float[n][v];
    if (n == 1) {
      session.read(state, tokens, from, 1);
      session.logits(state, rows[0]);
      return rows;
    }
    try (NativeFloats logits = new NativeFloats((long) n * v)) {
      session.read(state, tokens, from, n, logits.segment());
      for (int i = 0; i < n * v; i++) {
        rows[i / v][i % v] = logits.get(i);
      }
    }
    float[] last = new float[v];
    session.logits(state, last);
    for (int i = 0; i < v; i++) {
      assertThat(last[i]).isCloseTo(rows[n - 1][i], Offset.offset(2e-5f));
    }
    return rows;
  }

  private static void check(float[][] actual, double[][] expected, int from, String what) {
    for (int t = 0; t < actual.length; t++) {
      for (int i = 0; i < actual[t].length; i++) {
        if (!(Math.abs(actual[t][i] - expected[from + t][i]) <= TOLERANCE)) {
          throw new AssertionError(
              "token "
                  + (from + t)
                  + " logit "
                  + i
                  + ": "
                  + actual[t][i]
                  + " expected "
                  + expected[from + t][i]
                  + " ("
                  + what
                  + ")");
        }
      }
    }
  }

  /// Sizes of real models: several blocks of rows in a chunk, queries shared out among three
  /// threads, a vocabulary in pieces, products of a single token shared out too.
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void longChunksOfWideModelsGiveTheWholeForwardPass(long seed) {
    Random random = new Random(seed);
    AttentionConfig attention =
        switch ((int) seed) {
          case 1 ->
              new AttentionConfig.Dilated(
                  List.of(new Branch(128, 1), new Branch(600, 3), new Branch(2048, 8)),
                  HeadOffsets.INTERLEAVED);
          case 2 -> new AttentionConfig.Sparse(100, 7);
          default -> new AttentionConfig.Dense();
        };
    ModelConfig config =
        new ModelConfig(
            2500,
            2,
            96,
            4,
            700,
            PositionEncoding.values()[(int) (seed % 3)],
            seed != 2,
            true,
            attention);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 900, random);
    int chunk = 860;
    double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
    try (StreamingModel model =
            StreamingModel.load(config, weights::get, StreamOptions.defaults().withThreads(3));
        StreamSession session = model.newSession();
        StreamState scored = model.newStream();
        StreamState state = model.newStream()) {
      float[] losses = new float[chunk];
      session.read(scored, tokens, 0, chunk, losses);
      for (int t = 1; t < chunk; t++) {
        assertThat((double) losses[t])
            .as("token %d", t)
            .isCloseTo(loss(expected[t - 1], tokens[t]), Offset.offset(TOLERANCE));
      }
      check(read(session, state, tokens, 0, chunk), expected, 0, "seed " + seed);
      for (int t = chunk; t < tokens.length; t++) {
        check(read(session, state, tokens, t, 1), expected, t, "a single token, seed " + seed);
      }
    }
  }

  private static double loss(double[] logits, int token) {
    return Math.log(java.util.Arrays.stream(logits).map(Math::exp).sum()) - logits[token];
  }

  /// An int8 model is the float32 one its weights stand for; each token's loss is near the
  /// original's.
  @Test
  void int8IsTheModelItsWeightsStandFor() {
    Random random = new Random(8);
    ModelConfig config =
        new ModelConfig(
            300,
            2,
            64,
            4,
            1100,
            PositionEncoding.ROPE,
            true,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(32, 1), new Branch(128, 4)), HeadOffsets.INTERLEAVED));
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 150, random);
    try (Arena arena = Arena.ofConfined()) {
      Function<String, TensorEntry> int8 = Quantization.int8(weights::get, arena);
      Map<String, TensorEntry> meant = new TreeMap<>(weights);
      meant.replaceAll((name, w) ->
          w.shape().length == 2
              ? Int8Rows.dequantize(int8.apply(name), int8.apply(name + Int8Rows.SCALE), arena)
              : w);
      double[][] expected = new ReferenceDecoder(config, meant).logits(tokens, 0);
      double[][] original = new ReferenceDecoder(config, weights).logits(tokens, 0);
      long bytes;
      try (StreamingModel fp32 =
          StreamingModel.load(config, weights::get, StreamOptions.defaults())) {
        bytes = fp32.weightBytes();
      }
      try (StreamingModel model = StreamingModel.load(config, int8, StreamOptions.defaults());
          StreamSession session = model.newSession();
          StreamState state = model.newStream()) {
        assertThat((double) model.weightBytes() / bytes).isBetween(0.25, 0.28);
        check(read(session, state, tokens, 0, 100), expected, 0, "int8 chunk");
        for (int t = 100; t < tokens.length; t++) {
          check(read(session, state, tokens, t, 1), expected, t, "a single token in int8");
        }
      }
      for (int t = 1; t < tokens.length; t++) {
        assertThat(loss(expected[t - 1], tokens[t]))
            .as("token %d", t)
            .isCloseTo(loss(original[t - 1], tokens[t]), Offset.offset(0.1));
      }
    }
  }

  @Test
  void lossesAreThoseOfTheWholeForwardPass() {
    Random random = new Random(5);
    ModelConfig config = TestModels.random(random);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 120, random);
    double[][] logits = new ReferenceDecoder(config, weights).logits(tokens, 0);
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(31));
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      float[] losses = new float[tokens.length];
      for (int done = 0; done < tokens.length; ) {
        int n = Math.min(tokens.length - done, 1 + random.nextInt(50));
        float[] part = new float[n];
        session.read(state, tokens, done, n, part);
        System.arraycopy(part, 0, losses, done, n);
        done += n;
      }
      assertThat(losses[0]).isNaN();
      for (int t = 1; t < tokens.length; t++) {
        assertThat((double) losses[t])
            .isCloseTo(loss(logits[t - 1], tokens[t]), Offset.offset(TOLERANCE));
      }
    }
  }

  @Test
  void streamsOfDifferentLengthsDecodeAsOneBatch() {
    Random random = new Random(11);
    ModelConfig config =
        TestModels.config(
            PositionEncoding.XPOS,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(8, 1), new Branch(40, 3)), HeadOffsets.INTERLEAVED));
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 100, random);
    double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
    try (StreamingModel model =
            StreamingModel.load(config, weights::get, StreamOptions.defaults());
        StreamSession session = model.newSession()) {
      List<StreamState> streams = new ArrayList<>();
      int[] lengths = {0, 1, 7, 8, 39, 40, 77};
      for (int length : lengths) {
        StreamState state = model.newStream();
        streams.add(state);
        if (length > 0) {
          session.read(state, tokens, 0, length);
        }
      }
      for (int step = 0; step < 20; step++) {
        int[] next = new int[lengths.length];
        for (int i = 0; i < next.length; i++) {
          next[i] = tokens[lengths[i] + step];
        }
        session.step(streams, next);
        float[][] logits = new float[next.length][config.vocabulary()];
        session.logits(streams, logits);
        for (int i = 0; i < next.length; i++) {
          check(new float[][] {logits[i]}, expected, lengths[i] + step, "stream " + i);
        }
      }
      streams.forEach(StreamState::close);
    }
  }

  /// With the scalar kernels: vector ones may sum lanes in another order once C2 has compiled them.
  @ParameterizedTest
  @EnumSource(PositionEncoding.class)
  void aStartShiftedByPeriodsUpTo2To40ChangesNoBit(PositionEncoding positions) throws IOException {
    Random random = new Random(3);
    ModelConfig config =
        TestModels.config(
            positions,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(16, 1), new Branch(64, 3)), HeadOffsets.INTERLEAVED));
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 200, random);
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withKernel(KernelChoice.SCALAR));
        StreamSession session = model.newSession();
        StreamState start = model.newStream();
        StreamState late = model.newStream();
        StreamState startSteps = model.newStream();
        StreamState lateSteps = model.newStream()) {
      late.position = 1L << 40;
      float[][] a = read(session, start, tokens, 0, 200);
      float[][] b = read(session, late, tokens, 0, 200);
      assertThat(b).isDeepEqualTo(a);
      assertThat(late.position()).isEqualTo((1L << 40) + 200);
      lateSteps.position = 1L << 40;
      float[][] c = steps(session, startSteps, tokens, 0, 120);
      float[][] d = steps(session, lateSteps, tokens, 0, 120);
      assertThat(d).isDeepEqualTo(c);
      try (StreamState again = savedAndLoaded(lateSteps)) {
        assertThat(again.position()).isEqualTo((1L << 40) + 120);
        assertThat(steps(session, again, tokens, 120, 80))
            .isDeepEqualTo(steps(session, startSteps, tokens, 120, 80));
      }
    }
  }

  /// [n, V]: one token at a time.
  private static float[][] steps(
      StreamSession session, StreamState state, int[] tokens, int from, int n) {
    float[][] rows = new float[n][];
    for (int i = 0; i < n; i++) {
      rows[i] = read(session, state, tokens, from + i, 1)[0];
    }
    return rows;
  }

  private StreamState savedAndLoaded(StreamState state) throws IOException {
    Path file = folder.resolve("late.state");
    StateFile.save(file, state, Map.of());
    return StateFile.load(file, state.model).state();
  }

  /// Where segments have no common multiple below 2^40 positions stay absolute, and only
  /// differences of angles enter.
  @ParameterizedTest
  @EnumSource(PositionEncoding.class)
  void aStartAt2To40WithoutAPeriodIsExactToRounding(PositionEncoding positions) throws IOException {
    Random random = new Random(4);
    long large = (1L << 40) + 15;
    ModelConfig config =
        TestModels.config(
            positions,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(16, 1), new Branch(large, 1)), HeadOffsets.INTERLEAVED));
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 300, random);
    // Both branches begin a segment at 16 (2^40 + 15) = 0 mod 16, so the past there is empty.
    long start = 16 * large;
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(64));
        StreamSession session = model.newSession();
        StreamState early = model.newStream();
        StreamState late = model.newStream();
        StreamState steps = model.newStream()) {
      late.position = start;
      steps.position = start;
      float[][] a = read(session, early, tokens, 0, 300);
      float[][] b = read(session, late, tokens, 0, 300);
      double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
      check(a, expected, 0, "from 0");
      check(b, expected, 0, "from " + start);
      check(steps(session, steps, tokens, 0, 150), expected, 0, "single tokens from " + start);
      try (StreamState again = savedAndLoaded(steps)) {
        assertThat(again.position()).isEqualTo(start + 150);
        check(
            steps(session, again, tokens, 150, 50),
            expected,
            150,
            "single tokens, saved and loaded");
        check(read(session, again, tokens, 200, 100), expected, 200, "a chunk after them");
      }
    }
  }

  @Test
  void decayNeverOverflowsHoweverLongADenseStream() {
    Random random = new Random(6);
    ModelConfig config =
        new ModelConfig(
            11,
            1,
            8,
            2,
            16,
            PositionEncoding.XPOS,
            4,
            true,
            true,
            List.of(new AttentionConfig.Dense()));
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 1500, random);
    // 1500 positions / base 4: zeta^-375 = 1e204 if it were taken relative to the first position.
    double[][] expected = new ReferenceDecoder(config, weights).logits(tokens, 0);
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(100));
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      for (int done = 0; done < tokens.length; done += 100) {
        check(read(session, state, tokens, done, 100), expected, done, "dense xPos");
      }
    }
  }
}
