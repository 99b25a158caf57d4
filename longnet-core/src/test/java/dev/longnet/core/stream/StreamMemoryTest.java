// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What happens where memory ends, wherever that is: nothing stays behind, and a stream is as it
/// was. The limit of an owner's memory goes up in small steps, so that allocations fail one after
/// another.
class StreamMemoryTest {
  /// Decay base 8: the reference moves every 128 tokens.
  private static final ModelConfig CONFIG =
      new ModelConfig(
          37,
          3,
          24,
          3,
          40,
          Activation.GELU,
          PositionEncoding.XPOS,
          8,
          true,
          true,
          List.of(
              new AttentionConfig.Dilated(
                  List.of(new Branch(16, 1), new Branch(96, 3)), HeadOffsets.BLOCKED),
              new AttentionConfig.Dense()));

  private static final int[] TOKENS = TestModels.tokens(CONFIG, 400, new Random(2));

  private final long before = NativeMemory.held();
  private final StreamingModel model = load();
  private final long loaded = NativeMemory.held();

  private static StreamingModel load() {
    Map<String, TensorEntry> weights = TestModels.weights(CONFIG, new Random(1));
    return StreamingModel.load(
        CONFIG,
        weights::get,
        StreamOptions.defaults()
            .withKernel(KernelChoice.SCALAR)
            .withThreads(2)
            .withChunkTokens(50));
  }

  @AfterEach
  void nothingIsHeld() {
    assertThat(NativeMemory.held()).isEqualTo(loaded);
    model.close();
    assertThat(NativeMemory.held()).isEqualTo(before);
  }

  /// Tries with every limit from nothing on until one is enough.
  ///
  /// @return limits that were not
  private int limits(LongFunction<Boolean> enough) {
    int failed = 0;
    for (long limit = 0; !enough.apply(limit); limit += 64 + limit / 40) {
      failed++;
    }
    return failed;
  }

  private boolean fits(Runnable call) {
    long held = NativeMemory.held();
    try {
      call.run();
      return true;
    } catch (OutOfMemoryError e) {
      assertThat(e).hasMessageContaining("off-heap memory is limited");
      assertThat(NativeMemory.held()).isEqualTo(held);
      return false;
    }
  }

  @Test
  void aStreamAndACopyThatFindNoMemoryTakeNone() {
    assertThat(
            limits(limit -> fits(() -> StreamState.empty(model, new NativeMemory(limit)).close())))
        .isGreaterThan(10);
    try (StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      session.read(state, TOKENS, 0, 130);
      assertThat(limits(limit -> fits(() -> state.copy(new NativeMemory(limit)).close())))
          .isGreaterThan(30);
    }
  }

  @Test
  void aSessionThatFindsNoMemoryTakesNoneAndLeavesNoThread() {
    long threads = helpers();
    NativeMemory none = new NativeMemory(100);
    assertThatThrownBy(() -> StreamSession.open(model, 3, 50, none))
        .isInstanceOf(OutOfMemoryError.class);
    assertThat(limits(limit -> fits(() -> open(limit).close()))).isPositive();
    for (int i = 0; i < 1000 && helpers() > threads; i++) {
      LockSupport.parkNanos(1_000_000);
    }
    assertThat(helpers()).isLessThanOrEqualTo(threads);
  }

  private static long helpers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("longnet-stream-"))
        .count();
  }

  private StreamSession open(long limit) {
    return StreamSession.open(model, 2, 50, new NativeMemory(limit));
  }

  private static byte[] bytes(StreamState state) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      StateFile.write(bytes, state, Map.of());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return bytes.toByteArray();
  }

  /// Over the edge where the reference moves, in a chunk and in a step. The session that failed
  /// reads on with a stream that has memory.
  @Test
  void whereAStreamFindsNoMemoryItStaysAsItWas() {
    try (StreamSession session = model.newSession();
        StreamState whole = model.newStream()) {
      session.read(whole, TOKENS, 0, 128);
      byte[] atEdge = bytes(whole);
      for (int count : new int[] {1, 50}) {
        byte[] expected;
        try (StreamState copy = whole.copy()) {
          session.read(copy, TOKENS, 128, count);
          expected = bytes(copy);
        }
        int failed =
            limits(limit -> {
              StreamState state;
              try {
                state = whole.copy(new NativeMemory(limit));
              } catch (OutOfMemoryError e) {
                return false;
              }
              try (state) {
                return readOrStay(session, state, count, atEdge, expected);
              }
            });
        assertThat(failed).as("of %d tokens", count).isGreaterThan(30);
      }
    }
  }

  private static boolean readOrStay(
      StreamSession session, StreamState state, int count, byte[] before, byte[] after) {
    try {
      session.read(state, TOKENS, 128, count);
    } catch (OutOfMemoryError e) {
      assertThat(bytes(state)).isEqualTo(before);
      try (StreamState copy = state.copy()) {
        session.read(copy, TOKENS, 128, count);
        assertThat(bytes(copy)).isEqualTo(after);
      }
      return false;
    }
    assertThat(bytes(state)).isEqualTo(after);
    return true;
  }

  /// A chunk, a single token and a batch, with a session that has memory for some of it. Each call
  /// that fails changes no stream.
  @Test
  void whereASessionFindsNoMemoryTheStreamsStayAsTheyWere() {
    byte[][] expected = new byte[2][];
    try (StreamSession session = model.newSession();
        StreamState one = model.newStream();
        StreamState two = model.newStream()) {
      session.read(one, TOKENS, 0, 130);
      session.read(two, TOKENS, 0, 1);
      expected[0] = bytes(one);
      session.step(List.of(one, two), new int[] {1, 2});
      expected[1] = bytes(two);
    }
    int[] failed = {0, 0, 0};
    int unlucky =
        limits(limit -> {
          StreamSession session;
          try {
            session = open(limit);
          } catch (OutOfMemoryError e) {
            return false;
          }
          try (session;
              StreamSession other = model.newSession();
              StreamState one = model.newStream();
              StreamState two = model.newStream()) {
            read(session, other, failed, 0, List.of(one), r -> r.read(one, TOKENS, 0, 130));
            read(session, other, failed, 1, List.of(two), r -> r.read(two, TOKENS, 0, 1));
            assertThat(bytes(one)).isEqualTo(expected[0]);
            boolean last =
                read(
                    session,
                    other,
                    failed,
                    2,
                    List.of(one, two),
                    r -> r.step(List.of(one, two), new int[] {1, 2}));
            assertThat(bytes(two)).isEqualTo(expected[1]);
            return last;
          }
        });
    assertThat(unlucky).isGreaterThan(failed[0]);
    assertThat(failed).doesNotContain(0);
  }

  /// With the first session; where it lacks memory, with the other.
  private static boolean read(
      StreamSession session,
      StreamSession other,
      int[] failed,
      int call,
      List<StreamState> streams,
      Consumer<StreamSession> read) {
    List<byte[]> before = streams.stream().map(StreamMemoryTest::bytes).toList();
    try {
      read.accept(session);
      return true;
    } catch (OutOfMemoryError e) {
      failed[call]++;
      for (int i = 0; i < before.size(); i++) {
        assertThat(bytes(streams.get(i))).isEqualTo(before.get(i));
      }
      read.accept(other);
      return false;
    }
  }

  @Test
  void aModelThatCannotBeLoadedTakesNoMemory() {
    Map<String, TensorEntry> weights = TestModels.weights(CONFIG, new Random(1));
    weights.remove("layer_norm.bias");
    assertThatThrownBy(() ->
            StreamingModel.load(
                CONFIG,
                name -> {
                  if (!weights.containsKey(name)) {
                    throw new IllegalArgumentException("no such tensor: " + name);
                  }
                  return weights.get(name);
                },
                StreamOptions.defaults()))
        .hasMessage("no such tensor: layer_norm.bias");
  }
}
