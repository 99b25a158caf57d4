// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipException;

/// An archive's entry, compared with its checksum where it ends, which [java.util.zip.ZipFile] does
/// not do.
public final class SummedInput extends CheckedInputStream {
  private final long expected;

  /// @param in closed with this
  /// @param expected CRC-32, or a negative number where the archive does not say
  public SummedInput(InputStream in, long expected) {
    super(in, new CRC32());
    this.expected = expected;
  }

  @Override
  public int read() throws IOException {
    return atEnd(super.read());
  }

  @Override
  public int read(byte[] b, int off, int len) throws IOException {
    return atEnd(super.read(b, off, len));
  }

  private int atEnd(int n) throws ZipException {
    if (n < 0 && expected >= 0 && getChecksum().getValue() != expected) {
      throw new ZipException("its checksum is wrong");
    }
    return n;
  }
}
