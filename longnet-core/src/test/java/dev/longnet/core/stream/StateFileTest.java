package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.NativeFloats;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
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
        StreamState state = model.newStream()) {
      model.read(state, tokens, 0, 97);
      StateFile.save(file, state, Map.of("place", "97", "note", "ü"));
      StateFile.Loaded loaded = StateFile.load(file, model);
      try (StreamState other = loaded.state()) {
        assertThat(loaded.notes()).isEqualTo(Map.of("place", "97", "note", "ü"));
        assertThat(other.position()).isEqualTo(97);
        float[] a = new float[53];
        float[] b = new float[53];
        model.read(state, tokens, 97, 53, a);
        model.read(other, tokens, 97, 53, b);
        for (int i = 0; i < a.length; i++) {
          assertThat(b[i]).isCloseTo(a[i], org.assertj.core.data.Offset.offset(1e-5f));
        }
      }
    }
  }

  @Test
  void everythingElseIsRefused() throws Exception {
    Random random = new Random(9);
    ModelConfig config = TestModels.random(random);
    Map<String, TensorEntry> weights = TestModels.weights(config, random);
    Path file = folder.resolve("a.state");
    byte[] bytes;
    long held;
    try (StreamingModel model =
        StreamingModel.load(config, weights::get, StreamOptions.defaults())) {
      try (StreamState state = model.newStream()) {
        model.read(state, TestModels.tokens(config, 50, random), 0, 50);
        StateFile.save(file, state, Map.of());
      }
      bytes = Files.readAllBytes(file);
      held = NativeFloats.held();
      for (int i = 0; i < 200; i++) {
        byte[] broken = bytes.clone();
        broken[random.nextInt(bytes.length)] ^= (byte) (1 + random.nextInt(255));
        Files.write(file, broken);
        assertThatThrownBy(() -> StateFile.load(file, model))
            .isInstanceOf(IllegalArgumentException.class);
        Files.write(file, Arrays.copyOf(bytes, random.nextInt(bytes.length)));
        assertThatThrownBy(() -> StateFile.load(file, model))
            .isInstanceOf(IllegalArgumentException.class);
      }
      Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
      assertThatThrownBy(() -> StateFile.load(file, model))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("damaged");
      assertThat(NativeFloats.held()).isEqualTo(held);
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
