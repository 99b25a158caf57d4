// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PyTorchSizesTest {
  @TempDir Path temp;

  /// A zip64 size so large that offset and size add up to a negative number.
  @Test
  void aSizeThatOverflowsReachesPastTheEnd() throws IOException {
    byte[] name = "archive/data/0".getBytes(StandardCharsets.US_ASCII);
    ByteBuffer zip = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
    // The record: header, name, four bytes of data.
    zip.putInt(0x04034b50)
        .putShort((short) 45)
        .putShort((short) 0)
        .putShort((short) 0)
        .putInt(0)
        .putInt(0);
    zip.putInt(4).putInt(4).putShort((short) name.length).putShort((short) 0).put(name).putInt(7);
    // The directory: its sizes stand in a zip64 field.
    int directory = zip.position();
    zip.putInt(0x02014b50)
        .putShort((short) 45)
        .putShort((short) 45)
        .putShort((short) 0)
        .putShort((short) 0)
        .putInt(0)
        .putInt(0);
    zip.putInt(-1)
        .putInt(-1)
        .putShort((short) name.length)
        .putShort((short) 20)
        .putShort((short) 0)
        .putShort((short) 0);
    zip.putShort((short) 0).putInt(0).putInt(0).put(name);
    zip.putShort((short) 1)
        .putShort((short) 16)
        .putLong(Long.MAX_VALUE - 5)
        .putLong(Long.MAX_VALUE - 5);
    int end = zip.position();
    zip.putInt(0x06054b50)
        .putShort((short) 0)
        .putShort((short) 0)
        .putShort((short) 1)
        .putShort((short) 1);
    zip.putInt(end - directory).putInt(directory).putShort((short) 0);
    Path file = Files.write(temp.resolve("x.pt"), Arrays.copyOf(zip.array(), zip.position()));
    assertThatThrownBy(() -> PyTorchFile.open(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(
            "record archive/data/0 is compressed or reaches past the end of the file");
  }
}
