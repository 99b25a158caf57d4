// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// Who may use sessions and states, how long, and what a cancelled read leaves.
class StreamSessionTest {
  private static final ModelConfig CONFIG =
      TestModels.config(
              PositionEncoding.XPOS,
              true,
              new AttentionConfig.Dilated(
                  List.of(new Branch(16, 1), new Branch(64, 3)), HeadOffsets.INTERLEAVED))
          .withMixers(
              List.of(
                  new AttentionConfig.Dilated(
                      List.of(new Branch(16, 1), new Branch(64, 3)), HeadOffsets.INTERLEAVED),
                  new AttentionConfig.Dense()));
  private static final int[] TOKENS = TestModels.tokens(CONFIG, 400, new Random(2));

  private static StreamingModel load(ModelConfig config) {
    Map<String, TensorEntry> weights = TestModels.weights(config, new Random(1));
    return StreamingModel.load(
        config,
        weights::get,
        StreamOptions.defaults()
            .withKernel(KernelChoice.SCALAR)
            .withThreads(1)
            .withChunkTokens(50));
  }

  private static float[] losses(StreamingModel model) {
    float[] losses = new float[TOKENS.length];
    try (StreamSession session = model.newSession(2);
        StreamState state = model.newStream()) {
      session.read(state, TOKENS, 0, TOKENS.length, losses);
    }
    return losses;
  }

  @Test
  void twoThreadsWithTwoSessionsReadOneModel() throws Exception {
    try (StreamingModel model = load(CONFIG);
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      float[] expected = losses(model);
      List<Future<float[]>> both = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        both.add(threads.submit(() -> losses(model)));
      }
      for (Future<float[]> one : both) {
        assertThat(one.get()).isEqualTo(expected);
      }
    }
  }

  @Test
  void aStreamGoesFromSessionToSession() {
    try (StreamingModel model = load(CONFIG);
        StreamState state = model.newStream()) {
      float[] losses = new float[TOKENS.length];
      for (int from = 0; from < TOKENS.length; from += 100) {
        float[] part = new float[100];
        try (StreamSession session = model.newSession(1 + from / 100 % 2)) {
          session.read(state, TOKENS, from, 100, part);
        }
        System.arraycopy(part, 0, losses, from, 100);
      }
      assertThat(losses).isEqualTo(losses(model));
    }
  }

  @Test
  void aCancelledReadHasReadWholeChunks() {
    try (StreamingModel model = load(CONFIG);
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      AtomicInteger asked = new AtomicInteger();
      float[] losses = new float[TOKENS.length];
      int read =
          session.read(
              state,
              TOKENS,
              0,
              TOKENS.length,
              ReadOptions.plain()
                  .withLosses(losses)
                  .withCancelled(() -> asked.incrementAndGet() > 3));
      assertThat(read).isEqualTo(150);
      assertThat(state.position()).isEqualTo(150);
      float[] rest = new float[TOKENS.length - read];
      session.read(state, TOKENS, read, rest.length, rest);
      System.arraycopy(rest, 0, losses, read, rest.length);
      assertThat(losses).isEqualTo(losses(model));
      assertThat(session.read(state, TOKENS, 0, 1, ReadOptions.plain().withCancelled(() -> true)))
          .isZero();
    }
  }

  @Test
  void whatIsClosedOrInUseIsRefused() {
    try (StreamingModel model = load(CONFIG)) {
      StreamSession session = model.newSession();
      StreamState state = model.newStream();
      StreamState other = model.newStream();
      assertThatThrownBy(() ->
              session.read(
                  state,
                  TOKENS,
                  0,
                  2,
                  ReadOptions.plain()
                      .withCancelled(() -> {
                        session.read(other, TOKENS, 0, 1);
                        return false;
                      })))
          .hasMessageContaining("the session is in use");
      try (StreamSession second = model.newSession()) {
        assertThatThrownBy(() ->
                session.read(
                    state,
                    TOKENS,
                    0,
                    2,
                    ReadOptions.plain()
                        .withCancelled(() -> {
                          second.read(state, TOKENS, 0, 1);
                          return false;
                        })))
            .hasMessageContaining("the stream is in use");
      }
      session.read(state, TOKENS, 0, 2);
      assertThat(state.position()).isEqualTo(2);
      state.close();
      assertThatThrownBy(state::close).hasMessage("the stream is closed");
      assertThatThrownBy(state::copy).hasMessage("the stream is closed");
      assertThatThrownBy(() -> session.read(state, TOKENS, 0, 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the stream is closed");
      session.close();
      assertThatThrownBy(() -> session.read(other, TOKENS, 0, 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the session is closed");
      other.close();
    }
    StreamingModel closed = load(CONFIG);
    closed.close();
    closed.close();
    assertThatThrownBy(closed::newStream).hasMessage("the model is closed");
    assertThatThrownBy(closed::newSession).hasMessage("the model is closed");
  }

  @Test
  void aModelIsNotClosedUnderItsSessions() {
    StreamingModel model = load(CONFIG);
    StreamSession one = model.newSession();
    StreamSession two = model.newSession();
    StreamState state = model.newStream();
    assertThatThrownBy(model::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("close a model after its sessions: 2 are open");
    two.close();
    two.close();
    assertThatThrownBy(model::close).hasMessageEndingWith("1 is open");
    one.read(state, TOKENS, 0, 60);
    assertThat(state.position()).isEqualTo(60);
    one.close();
    model.close();
    state.close();
  }

  @Test
  void aReadThatBreaksOffLeavesAStreamThatCanOnlyBeClosed() {
    try (StreamingModel model = load(CONFIG);
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      session.read(state, TOKENS, 0, 60);
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> session.read(state, TOKENS, 60, 100))
          .isInstanceOf(CancellationException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThatThrownBy(() -> session.read(state, TOKENS, 60, 100))
          .hasMessageContaining("broke off");
    }
  }

  @Test
  void stateStaysWithinTheSumOfSegmentOverDilation() {
    ModelConfig config =
        TestModels.config(
            PositionEncoding.ROPE,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(128, 1), new Branch(1024, 8), new Branch(1 << 20, 1 << 13)),
                HeadOffsets.INTERLEAVED));
    Map<String, TensorEntry> weights = TestModels.weights(config, new Random(1));
    int[] tokens = TestModels.tokens(config, 5000, new Random(2));
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(1000));
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      for (int i = 0; i < 4; i++) {
        session.read(state, tokens, 0, tokens.length);
      }
      // K and V, float32, of 3 * 128 rows of 24 channels in each of 2 layers, and some bytes of
      // alignment.
      long bound = 2 * 2 * 4L * 3 * 128 * 24;
      assertThat(state.bytes()).isLessThan(bound + 4096);
    }
  }

  @Test
  void mistakesAreRefused() {
    ModelConfig config =
        TestModels.config(PositionEncoding.NONE, true, new AttentionConfig.Dense());
    Map<String, TensorEntry> weights = TestModels.weights(config, new Random(1));
    try (StreamingModel model =
            StreamingModel.load(config, weights::get, StreamOptions.defaults());
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      assertThatThrownBy(() -> session.read(state, new int[] {1, 37}, 0, 2))
          .hasMessage("token ids must be from 0 to 36: id=37");
      assertThatThrownBy(() -> session.logits(state, new float[37]))
          .hasMessageContaining("must have read a token");
      assertThatThrownBy(() -> session.step(List.of(state, state), new int[] {1, 2}))
          .hasMessageContaining("two tokens in one step");
      assertThat(state.position()).isZero();
      session.read(state, new int[] {1}, 0, 1);
      for (int rows : new int[] {0, 2}) {
        assertThatThrownBy(() -> session.logits(List.of(state), new float[rows][37]))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("one row of logits a stream: 1 streams, " + rows + " rows");
      }
      assertThatThrownBy(() -> session.logits(List.of(state, state), new float[2][37]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a stream can't be scored twice at once: stream 1");
      session.logits(List.of(), new float[0][]);
    }
    weights.put("layer_norm.bias", TensorEntry.of("layer_norm.bias", new long[] {3}, 1, 2, 3));
    assertThatThrownBy(() -> StreamingModel.load(config, weights::get, StreamOptions.defaults()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layer_norm.bias must have the shape [24]");
  }
}
