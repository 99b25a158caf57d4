// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A document that grows letter by letter: in memory while it is small, then in a temporary file.
final class SequenceText implements Closeable {
  private final Path scratch;
  private final long most;
  private byte[] memory = new byte[1 << 10];
  private int inMemory;
  private @Nullable Spool spool;
  private long size;

  /// @param scratch a directory for temporary files
  /// @param most letters that are wanted: of a longer document none is kept
  SequenceText(Path scratch, long most) {
    this.scratch = scratch;
    this.most = most;
  }

  void write(int letter) throws IOException {
    size++;
    if (size > most) {
      inMemory = 0;
      close();
      return;
    }
    if (inMemory == memory.length) {
      if (inMemory > Entry.WHOLE_BYTES) {
        spill();
      } else {
        memory = Arrays.copyOf(memory, Math.min(2 * inMemory, Entry.WHOLE_BYTES + 1));
      }
    }
    memory[inMemory++] = (byte) letter;
  }

  private Spool spill() {
    if (spool == null) {
      spool = new Spool(scratch, "long sequences");
    }
    spool.write(memory, inMemory);
    inMemory = 0;
    return spool;
  }

  long size() {
    return size;
  }

  /// Of a text in memory.
  byte[] bytes() {
    return Arrays.copyOf(memory, inMemory);
  }

  /// Nothing more is written.
  Entry.Opener opener() {
    if (spool == null) {
      byte[] bytes = bytes();
      return () -> new ByteArrayInputStream(bytes);
    }
    return spill()::open;
  }

  @Override
  public void close() throws IOException {
    if (spool != null) {
      spool.close();
      spool = null;
    }
  }
}
