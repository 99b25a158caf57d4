// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static dev.longnet.core.stream.StreamLogits.TOLERANCE;
import static dev.longnet.core.stream.StreamLogits.check;
import static dev.longnet.core.stream.StreamLogits.read;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.Int8Rows;
import dev.longnet.core.io.TensorEntry;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Function;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A stream gives the whole forward pass, however it is cut.
class StreamingModelTest {
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
                    List.of(new Branch(32, 1), new Branch(128, 4)), HeadOffsets.INTERLEAVED))
            .withShortConvolution(4);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 150, random);
    try (Arena arena = Arena.ofConfined()) {
      Function<String, TensorEntry> int8 =
          Quantization.int8(Blueprint.of(config), weights::get, arena);
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

  private static double loss(double[] logits, int token) {
    return Math.log(java.util.Arrays.stream(logits).map(Math::exp).sum()) - logits[token];
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
}
