// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NpyTest {
  @TempDir Path directory;

  /// As NumPy writes it.
  private static byte[] npy(int version, String header, int dataBytes) {
    String padded = header + "\n";
    ByteBuffer b =
        ByteBuffer.allocate((version == 1 ? 10 : 12) + padded.length() + dataBytes)
            .order(ByteOrder.LITTLE_ENDIAN);
    b.put((byte) 0x93)
        .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
        .put((byte) version)
        .put((byte) 0);
    if (version == 1) {
      b.putShort((short) padded.length());
    } else {
      b.putInt(padded.length());
    }
    b.put(padded.getBytes(StandardCharsets.US_ASCII));
    for (int i = 0; b.hasRemaining(); i++) {
      b.put((byte) i);
    }
    return b.array();
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(directory.resolve("x.npy"), bytes);
  }

  @Test
  void readsWhatNumPyWrites() throws IOException {
    // numpy.save(f, numpy.arange(6, dtype=numpy.float32).reshape(2, 3)), its header byte for byte
    String header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    byte[] bytes = npy(1, header + " ".repeat(117 - header.length()), 24);
    ByteBuffer floats =
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(bytes.length - 24);
    for (int i = 0; i < 6; i++) {
      floats.putFloat(i);
    }
    try (Arena arena = Arena.ofConfined()) {
      TensorEntry t = Npy.open(file(bytes), arena);
      assertThat(t.shape()).containsExactly(2, 3);
      assertThat(t.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
          .containsExactly(0, 1, 2, 3, 4, 5);
    }
    try (Arena arena = Arena.ofConfined()) {
      Npy.write(
          directory.resolve("again.npy"),
          TensorEntry.of("x", new long[] {2, 3}, 0f, 1, 2, 3, 4, 5));
      assertThat(Files.readAllBytes(directory.resolve("again.npy"))).isEqualTo(bytes);
      assertThat(Npy.open(directory.resolve("again.npy"), arena).shape()).containsExactly(2, 3);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "1;'<f2';False;(3,);6",
        "2;'<f8';False;(2, 1);16",
        "3;'<i8';False;();8",
        "1;'|b1';False;(5,);5",
        "1;'<f4';False;(0, 7);0",
        "1;'<f4';True;(7,);28",
      })
  void readsEveryVersionAndType(int version, String type, String fortran, String shape, int bytes)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      String header =
          "{'descr': %s, 'fortran_order': %s, 'shape': %s, }".formatted(type, fortran, shape);
      assertThat(Npy.open(file(npy(version, header, bytes)), arena).data().byteSize())
          .isEqualTo(bytes);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }; 8; descr must be one of",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }; 4; descr must be one of",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }; 4; header is not",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }; 24; fortran_order must be False",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }; 20; takes 24 bytes",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }; 28; takes 24 bytes",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }; 4; overflows",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }; 4; whole numbers",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2,), }; 4; whole numbers",
        "__import__('os').system('true'); 4; header is not"
      })
  void refusesWhatItCannotRead(String header, int bytes, String message) throws IOException {
    Path file = file(npy(1, header, bytes));
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> Npy.open(file, arena))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(file.toString())
          .hasMessageContaining(message);
    }
  }

  @Test
  void anyDamageIsAnErrorOrAnArrayOfTheFilesOwnBytes() throws IOException {
    byte[] good = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }", 60);
    for (long seed = 0; seed < 3000; seed++) {
      Random random = new Random(seed);
      byte[] bytes = good.clone();
      int edits = 1 + random.nextInt(4);
      for (int i = 0; i < edits; i++) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      if (random.nextInt(3) == 0) {
        bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length + 20));
      }
      try (Arena arena = Arena.ofConfined()) {
        TensorEntry t = Npy.open(file(bytes), arena);
        assertThat(t.data().byteSize()).as("seed %d", seed).isLessThanOrEqualTo(bytes.length);
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage()).as("seed %d", seed).contains("x.npy").doesNotContain("\n");
      }
    }
  }
}
