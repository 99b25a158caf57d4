// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StateFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void goesOnAsIfNothingHadHappened(long seed) throws Exception {
    Random random = new Random(seed);
    ModelConfig config = TestModels.random(random);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    int[] tokens = TestModels.tokens(config, 150, random);
    Path file = folder.resolve("a.state");
    try (StreamingModel model =
            StreamingModel.load(
                config, weights::get, StreamOptions.defaults().withChunkTokens(40));
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      session.read(state, tokens, 0, 97);
      StateFile.save(file, state, Map.of("place", "97", "note", "ü"));
      StateFile.Loaded loaded = StateFile.load(file, model);
      try (StreamState other = loaded.state()) {
        assertThat(loaded.notes()).isEqualTo(Map.of("place", "97", "note", "ü"));
        assertThat(other.position()).isEqualTo(97);
        float[] a = new float[53];
        float[] b = new float[53];
        session.read(state, tokens, 97, 53, a);
        session.read(other, tokens, 97, 53, b);
        for (int i = 0; i < a.length; i++) {
          assertThat(b[i]).isCloseTo(a[i], org.assertj.core.data.Offset.offset(1e-5f));
        }
      }
    }
  }

  private static StateFile.Loaded read(byte[] bytes, OptionalLong length, StreamingModel model)
      throws IOException {
    return StateFile.read(new ByteArrayInputStream(bytes), length, model);
  }

  /// A header that claims 2^40 tokens of dense attention: no memory is taken for rows that do not
  /// come.
  @Test
  void memoryIsTakenForWhatArrivesOnly() throws Exception {
    ModelConfig config =
        TestModels.config(PositionEncoding.NONE, true, new AttentionConfig.Dense());
    Map<String, TensorEntry> weights = TestModels.weights(config, new Random(1));
    try (StreamingModel model =
            StreamingModel.load(config, weights::get, StreamOptions.defaults());
        StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      session.read(state, TestModels.tokens(config, 50, new Random(2)), 0, 50);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      StateFile.write(out, state, Map.of());
      byte[] bytes = out.toByteArray();
      // After magic, version and hash.
      ByteBuffer.wrap(bytes).putLong(44, 1L << 40);
      long held = NativeMemory.held();
      for (OptionalLong length : List.of(OptionalLong.empty(), OptionalLong.of(bytes.length))) {
        assertThatThrownBy(() -> read(bytes, length, model))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("damaged or truncated stream state: the input");
      }
      assertThat(NativeMemory.held()).isEqualTo(held);
    }
  }

  /// A file whose checksum is right, so that only the look at each number finds the damage. Decay
  /// base 8: references are multiples of 128, and the last of 300 tokens are relative to 256.
  @Test
  void numbersThatNoStreamHasAreRefused() throws Exception {
    ModelConfig one =
        new ModelConfig(
            37,
            2,
            24,
            3,
            40,
            Activation.GELU,
            PositionEncoding.XPOS,
            8,
            true,
            true,
            List.of(new AttentionConfig.Dense()));
    ModelConfig two =
        one.withMixers(List.of(new AttentionConfig.Dense(), new AttentionConfig.Sparse(8, 2)));
    // Position, reference, number of notes: after magic, version and hash.
    try (StreamingModel model = load(one)) {
      byte[] bytes = written(model, 300, Map.of("a", "x"));
      long reference = ByteBuffer.wrap(bytes).getLong(52);
      assertThat(reference).isEqualTo(256);
      refused(bytes, model, file -> file.putLong(44, -1));
      refused(bytes, model, file -> file.putLong(44, (1L << 60) + 1));
      refused(bytes, model, file -> file.putLong(44, Long.MIN_VALUE));
      for (long wrong : new long[] {-128, 1, 0, 255, 257, 384, 1 << 20, Long.MAX_VALUE}) {
        refused(bytes, model, file -> file.putLong(52, wrong));
      }
      refused(bytes, model, file -> file.putInt(60, -1));
      refused(bytes, model, file -> file.putInt(60, 1001));
      byte[] notes = written(model, 300, Map.of("a", "x", "b", "y"));
      // The second key becomes the first one.
      refused(notes, model, file -> file.put(72, file.get(66)));
      assertThat(reference(bytes, model, file -> file.putLong(52, 128))).isEqualTo(128);
    }
    try (StreamingModel model = load(two)) {
      byte[] bytes = written(model, 300, Map.of());
      int first = 56 + 4 * 24;
      refused(bytes, model, file -> file.putLong(first, 384));
      refused(bytes, model, file -> file.putLong(first + 8, file.getLong(first + 8) - 4));
      refused(bytes, model, file -> file.putLong(first + 8, Long.MAX_VALUE));
      assertThat(reference(bytes, model, file -> {})).isEqualTo(256);
    }
    try (StreamingModel model =
        load(TestModels.config(PositionEncoding.ROPE, true, new AttentionConfig.Dense()))) {
      byte[] bytes = written(model, 300, Map.of());
      refused(bytes, model, file -> file.putLong(52, 128));
    }
  }

  private static StreamingModel load(ModelConfig config) {
    Map<String, TensorEntry> weights = TestModels.weights(config, new Random(1));
    return StreamingModel.load(config, weights::get, StreamOptions.defaults());
  }

  private static byte[] written(StreamingModel model, int tokens, Map<String, String> notes)
      throws IOException {
    try (StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      session.read(state, TestModels.tokens(model.config(), tokens, new Random(2)), 0, tokens);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      StateFile.write(out, state, notes);
      return out.toByteArray();
    }
  }

  /// Another file with the right checksum.
  private static byte[] damaged(byte[] bytes, Consumer<ByteBuffer> damage) {
    byte[] other = bytes.clone();
    damage.accept(ByteBuffer.wrap(other));
    CRC32C sum = new CRC32C();
    sum.update(other, 0, other.length - 8);
    ByteBuffer.wrap(other).putLong(other.length - 8, sum.getValue());
    return other;
  }

  private static void refused(byte[] bytes, StreamingModel model, Consumer<ByteBuffer> damage) {
    byte[] other = damaged(bytes, damage);
    long held = NativeMemory.held();
    for (OptionalLong length : List.of(OptionalLong.empty(), OptionalLong.of(other.length))) {
      assertThatThrownBy(() -> read(other, length, model))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("damaged or truncated stream state: the input");
    }
    assertThat(NativeMemory.held()).isEqualTo(held);
  }

  private static long reference(byte[] bytes, StreamingModel model, Consumer<ByteBuffer> damage)
      throws IOException {
    byte[] other = damaged(bytes, damage);
    try (StreamState state = read(other, OptionalLong.of(other.length), model).state()) {
      return state.memories.getFirst().reference();
    }
  }

  @Test
  void theVersionSaysHowManyMixers() throws Exception {
    ModelConfig one = TestModels.config(PositionEncoding.XPOS, true, new AttentionConfig.Dense());
    ModelConfig two =
        one.withMixers(List.of(new AttentionConfig.Dense(), new AttentionConfig.Sparse(8, 2)));
    ModelConfig twice =
        one.withMixers(List.of(new AttentionConfig.Dense(), new AttentionConfig.Dense()));
    for (ModelConfig config : List.of(one, two, twice)) {
      Map<String, TensorEntry> weights = TestModels.weights(config, new Random(1));
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (StreamingModel model =
              StreamingModel.load(config, weights::get, StreamOptions.defaults());
          StreamState state = model.newStream()) {
        StateFile.write(out, state, Map.of());
      }
      assertThat(ByteBuffer.wrap(out.toByteArray()).getInt(8)).isEqualTo(config == two ? 2 : 1);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {9, 12})
  void everythingElseIsRefused(long seed) throws Exception {
    Random random = new Random(seed);
    ModelConfig config = TestModels.random(random);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    Path file = folder.resolve("a.state");
    byte[] bytes;
    long held;
    try (StreamingModel model =
            StreamingModel.load(config, weights::get, StreamOptions.defaults());
        StreamSession session = model.newSession()) {
      try (StreamState state = model.newStream()) {
        session.read(state, TestModels.tokens(config, 50, random), 0, 50);
        StateFile.save(file, state, Map.of());
      }
      bytes = Files.readAllBytes(file);
      held = NativeMemory.held();
      for (int i = 0; i < 200; i++) {
        byte[] broken = bytes.clone();
        broken[random.nextInt(bytes.length)] ^= (byte) (1 + random.nextInt(255));
        Files.write(file, broken);
        assertThatThrownBy(() -> StateFile.load(file, model))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> read(broken, OptionalLong.empty(), model))
            .isInstanceOf(IllegalArgumentException.class);
        Files.write(file, Arrays.copyOf(bytes, random.nextInt(bytes.length)));
        assertThatThrownBy(() -> StateFile.load(file, model))
            .isInstanceOf(IllegalArgumentException.class);
      }
      Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
      assertThatThrownBy(() -> StateFile.load(file, model))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("damaged");
      assertThat(NativeMemory.held()).isEqualTo(held);
    }
    Files.write(file, bytes);
    weights.put(
        "layer_norm.bias",
        TensorEntry.of(
            "layer_norm.bias", new long[] {config.hidden()}, new float[config.hidden()]));
    try (StreamingModel other =
        StreamingModel.load(config, weights::get, StreamOptions.defaults())) {
      assertThatThrownBy(() -> StateFile.load(file, other))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("belongs to another model");
    }
  }
}
