// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.jspecify.annotations.Nullable;

/// The members of a gzip file, one after the other, each checked. (The JDK's stream takes a damaged
/// later member for the end of the file; Commons', when it goes on by itself, takes padding for
/// damage.)
final class GzipInput extends InputStream {
  /// A wrong checksum or a cut costs what the same call decompressed before.
  private static final int MAX_READ = 8 << 10;

  private final BufferedInputStream file;

  /// Null at the end.
  private @Nullable GzipCompressorInputStream member;

  GzipInput(BufferedInputStream file) throws IOException {
    this.file = file;
    this.member = new GzipCompressorInputStream(file);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] b, int off, int len) throws IOException {
    while (member != null) {
      int n = member.read(b, off, Math.min(len, MAX_READ));
      if (n >= 0) {
        return n;
      }
      member = nextMember();
    }
    return -1;
  }

  /// Null when only the zeros follow that some tools pad with.
  private @Nullable GzipCompressorInputStream nextMember() throws IOException {
    int b;
    do {
      file.mark(1);
      b = file.read();
    } while (b == 0);
    if (b < 0) {
      return null;
    }
    file.reset();
    return new GzipCompressorInputStream(file);
  }

  @Override
  public void close() throws IOException {
    try (file) {
      if (member != null) {
        member.close();
      }
    }
  }
}
