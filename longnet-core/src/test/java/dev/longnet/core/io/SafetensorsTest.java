// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsTest {
  @TempDir Path temporary;

  @Test
  void roundTripIsBitExact() throws IOException {
    Path path = temporary.resolve("a.safetensors");
    MemorySegment bytes = Arena.ofAuto().allocate(3);
    bytes.copyFrom(MemorySegment.ofArray(new byte[] {1, 2, 3}));
    SafetensorsWriter.write(
        path,
        Map.of("k", "v \" é"),
        List.of(
            new TensorEntry("odd", DType.U8, new long[] {3}, bytes),
            TensorEntry.of("x", new long[] {2, 2}, Float.NaN, -0f, Float.MIN_VALUE, 3),
            TensorEntry.of("ids", new long[] {1, 2}, Long.MIN_VALUE, 7L),
            TensorEntry.of("scalar", new long[0], 2f),
            TensorEntry.of("empty", new long[] {0, 5}, new float[0])));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.metadata()).isEqualTo(Map.of("k", "v \" é"));
      assertThat(file.names()).containsExactlyInAnyOrder("odd", "x", "ids", "scalar", "empty");
      assertThat(file.tensor("x").shape()).containsExactly(2, 2);
      assertThat(file.tensor("x").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
          .containsExactly(Float.NaN, -0f, Float.MIN_VALUE, 3);
      assertThat(file.tensor("ids").data().toArray(ValueLayout.JAVA_LONG_UNALIGNED))
          .containsExactly(Long.MIN_VALUE, 7);
      assertThat(file.tensor("odd").data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 2, 3);
      assertThat(file.tensor("scalar").shape()).isEmpty();
      assertThat(file.tensor("empty").elements()).isZero();
      assertThatThrownBy(() -> file.tensor("y")).hasMessage(path + ": no tensor named y");
    }
    assertThat(Files.list(temporary)).containsExactly(path);
  }

  @Test
  void twoTensorsOfOneNameAreRefusedAndLeaveNothingBehind() throws IOException {
    TensorEntry x = TensorEntry.of("x", new long[] {1}, 1f);
    assertThatThrownBy(
            () -> SafetensorsWriter.write(temporary.resolve("b"), Map.of(), List.of(x, x)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(Files.list(temporary)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 12 | 4 bytes follow",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 4 | within 4 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}} | 12 | must start at 0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}} | 6 | tensor b",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}} | 8 | take 12 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}} | 8 | negative",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}} | 0 | more than 2^63",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | 8 | tensor a",
        "{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}} | 8 | unknown dtype F31",
        "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}} | 8 | needs dtype",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}} | 8 | VALUE_NUMBER_FLOAT",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}} | 8 | out of range",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | 8 | Duplicate",
        "{\"__metadata__\":{\"k\":1}} | 0 | __metadata__.k must be VALUE_STRING",
        "{\"a\":[[[[[[[[[[[[]]]]]]]]]]]]} | 0 | a must be START_OBJECT",
        "{} x | 0 | not valid JSON",
        "[] | 0 | must be START_OBJECT",
      })
  void refusesInOneLine(String header, int dataBytes, String said) throws IOException {
    Path path = temporary.resolve("bad.safetensors");
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    Files.write(
        path,
        ByteBuffer.allocate(8 + text.length + dataBytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(text.length)
            .put(text)
            .array());
    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(path + ": ")
        .hasMessageContaining(said)
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @Test
  void damagedFilesAreRefusedOrReadWithinTheirBounds() throws IOException {
    Path good = temporary.resolve("good.safetensors");
    SafetensorsWriter.write(
        good,
        Map.of("a", "b"),
        List.of(
            TensorEntry.of("x", new long[] {3}, 1, 2, 3), TensorEntry.of("y", new long[] {1}, 1L)));
    byte[] whole = Files.readAllBytes(good);
    Path bad = temporary.resolve("bad.safetensors");
    for (int seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      byte[] bytes =
          seed % 3 == 0 ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole.clone();
      for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      Files.write(bad, bytes);
      try (SafetensorsFile file = SafetensorsFile.open(bad)) {
        for (String name : file.names()) {
          file.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
        }
      } catch (IllegalArgumentException expected) {
        assertThat(expected.getMessage()).as("seed %d", seed).startsWith(bad.toString());
      } catch (Throwable t) {
        throw new AssertionError("seed " + seed, t);
      }
    }
  }
}
