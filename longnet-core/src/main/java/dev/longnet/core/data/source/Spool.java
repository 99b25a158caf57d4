// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.io.EnvironmentException;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Bytes in a temporary file that goes with its process, however that ends: the system takes its
/// name away as soon as it is open.
final class Spool implements Closeable {
  private final Path scratch;
  private final String what;
  private final FileChannel channel;
  private long size;

  /// @param scratch its directory
  /// @param what passes through it, for messages
  /// @throws EnvironmentException with the remedy, where the directory takes no file
  Spool(Path scratch, String what) {
    this.scratch = scratch;
    this.what = what;
    try {
      Path file = Files.createTempFile(scratch, "large-", ".spool");
      try {
        channel =
            FileChannel.open(
                file,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.DELETE_ON_CLOSE);
      } catch (IOException e) {
        Files.deleteIfExists(file);
        throw e;
      }
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /// What can't be written is the machine's failure and ends the run.
  ///
  /// @throws EnvironmentException with the remedy
  void write(byte[] bytes, int length) {
    try {
      ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, length);
      while (buffer.hasRemaining()) {
        size += channel.write(buffer, size);
      }
    } catch (IOException e) {
      size += length;
      throw failure(e);
    }
  }

  private EnvironmentException failure(IOException e) {
    Path jvms = Path.of(System.getProperty("java.io.tmpdir"));
    return new EnvironmentException(
        what
            + " pass through a temporary file, and "
            + scratch
            + " can't hold one"
            + (size == 0 ? "" : " of " + size + " bytes or more")
            + " ("
            + GuardedInput.reason(e)
            + "): make room there"
            + (scratch.equals(jvms)
                ? ", or name another directory: -Djava.io.tmpdir=DIR"
                    + " (LONGNET_JAVA_OPTS=-Djava.io.tmpdir=DIR for ./longnet)"
                : ""),
        e);
  }

  /// All of it, from its beginning, until this is closed.
  InputStream open() {
    return new InputStream() {
      private long at;

      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] bytes, int from, int length) throws IOException {
        int n = channel.read(ByteBuffer.wrap(bytes, from, length), at);
        at += Math.max(0, n);
        return n;
      }
    };
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
