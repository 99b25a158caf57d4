// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.io.EnvironmentException;
import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A document that grows letter by letter: in memory while it is small, then in a temporary file,
/// which is deleted when this is closed.
final class SequenceText implements Closeable {
  private final Path scratch;
  private byte[] memory = new byte[1 << 10];
  private int inMemory;
  private @Nullable Path file;
  private @Nullable OutputStream out;
  private long size;

  SequenceText(Path scratch) {
    this.scratch = scratch;
  }

  void write(int letter) {
    size++;
    if (inMemory == memory.length) {
      if (inMemory > Entry.WHOLE_BYTES) {
        spill();
      } else {
        memory = Arrays.copyOf(memory, Math.min(2 * inMemory, Entry.WHOLE_BYTES + 1));
      }
    }
    memory[inMemory++] = (byte) letter;
  }

  /// What can't be written is the machine's failure and ends the run.
  private void spill() {
    try {
      if (out == null) {
        file = Files.createTempFile(scratch, "large-", ".spool");
        out = Files.newOutputStream(file);
      }
      out.write(memory, 0, inMemory);
      inMemory = 0;
    } catch (IOException e) {
      throw new EnvironmentException(
          "long sequences pass through a temporary file, and "
              + scratch
              + " can't hold "
              + size
              + " bytes ("
              + GuardedInput.reason(e)
              + "): make room there",
          e);
    }
  }

  long size() {
    return size;
  }

  /// Of a text in memory.
  byte[] bytes() {
    return Arrays.copyOf(memory, inMemory);
  }

  /// Nothing more is written.
  Entry.Opener opener() throws IOException {
    Path spooled = file;
    if (spooled == null || out == null) {
      byte[] bytes = bytes();
      return () -> new ByteArrayInputStream(bytes);
    }
    spill();
    out.close();
    return () -> Files.newInputStream(spooled);
  }

  @Override
  public void close() throws IOException {
    if (out != null) {
      out.close();
    }
    if (file != null) {
      Files.deleteIfExists(file);
    }
  }
}
