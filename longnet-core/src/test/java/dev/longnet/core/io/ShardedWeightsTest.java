// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShardedWeightsTest {
  @TempDir Path directory;
  private Path index;

  @BeforeEach
  void shards() throws IOException {
    Map<String, TensorEntry> tensors = new LinkedHashMap<>();
    Map<String, Long> bytes = new LinkedHashMap<>();
    for (int i = 0; i < 6; i++) {
      TensorEntry t = TensorEntry.of("t" + i, new long[] {i + 1}, new float[i + 1]);
      tensors.put(t.name(), t);
      bytes.put(t.name(), t.data().byteSize());
    }
    ShardedWeights.write(
        directory, Map.of("format", "pt"), bytes, (name, _) -> tensors.get(name), 24);
    index = directory.resolve(ShardedWeights.INDEX);
  }

  @Test
  void filesHoldAtMostTheirSizeAndALargerTensorStandsAlone() throws IOException {
    try (WeightFiles all = WeightFiles.open(directory)) {
      assertThat(all.names()).containsExactly("t0", "t1", "t2", "t3", "t4", "t5");
      assertThat(all.tensor("t5").shape()).containsExactly(6);
      assertThat(all.metadata()).containsEntry("format", "pt");
    }
    // 4 + 8 + 12 bytes, then 16, 20 and 24.
    assertThat(directory.resolve("model-00004-of-00004.safetensors")).isRegularFile();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "model-00001-of-00004.safetensors; ../model-00001-of-00004.safetensors; must be a file name",
        "model-00001-of-00004.safetensors; model-00009-of-00004.safetensors; shard is missing",
        "model-00004-of-00004.safetensors; model-00003-of-00004.safetensors; tensor t5 is not in model-00003",
        "\"weight_map\"; \"weights\"; weight_map must be an object",
        "\"t5\"; \"t4\"; not valid JSON",
        "\"t5\"; \"t6\"; tensor t6 is not in",
        "\"weight_map\" : {; \"weight_map\" : {{; not valid JSON",
        "\"t0\" : \"model-00001-of-00004.safetensors\",; ; tensor t0 of "
            + "model-00001-of-00004.safetensors is not that file's",
      },
      quoteCharacter = '\'')
  void indexAndFilesMustAgree(String from, String to, String message) throws IOException {
    String text = Files.readString(index);
    String edited = text.replace(from, to == null ? "" : to);
    assertThat(edited).isNotEqualTo(text);
    Files.writeString(index, edited);
    assertThatThrownBy(() -> WeightFiles.open(directory))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void anyDamageToTheIndexIsAnErrorOrTheSameTensors() throws IOException {
    byte[] good = Files.readAllBytes(index);
    for (long seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      byte[] bytes = good.clone();
      int edits = 1 + random.nextInt(3);
      for (int i = 0; i < edits; i++) {
        bytes[random.nextInt(bytes.length)] = (byte) (32 + random.nextInt(95));
      }
      if (random.nextInt(3) == 0) {
        bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length));
      }
      Files.write(index, bytes);
      try (WeightFiles all = WeightFiles.open(directory)) {
        assertThat(all.names())
            .as("seed %d", seed)
            .containsExactlyInAnyOrder("t0", "t1", "t2", "t3", "t4", "t5");
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage())
            .as("seed %d: %s", seed, new String(bytes, StandardCharsets.UTF_8))
            .contains("index.json");
      }
    }
  }

  @Test
  void deeplyNestedJsonIsRefused() throws IOException {
    Files.writeString(index, "{\"weight_map\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}");
    assertThatThrownBy(() -> WeightFiles.open(index)).hasMessageContaining("not valid JSON");
  }
}
