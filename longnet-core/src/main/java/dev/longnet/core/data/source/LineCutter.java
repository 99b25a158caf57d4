// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A row a line; blank lines are none, but count.
final class LineCutter implements RowCutter {
  private static final byte[] TOO_LONG = {};

  private final InputStream in;
  private final int max;
  private byte[] buffer = new byte[1 << 16];
  private int start;
  private int end;
  private long line;
  private boolean ended;

  /// @param max bytes of a row; of a longer one no more than that is held
  LineCutter(InputStream in, int max) {
    this.in = in;
    this.max = max;
  }

  @Override
  public long rows() {
    return line;
  }

  @Override
  public @Nullable Row next() throws IOException {
    int scanned = start;
    while (!ended) {
      int newline = indexOf(scanned);
      if (newline < 0 && end - start > max) {
        return tooLong();
      }
      if (newline < 0) {
        scanned = end - start;
        if (fill()) {
          scanned += start;
          continue;
        }
        ended = true;
        newline = end;
        if (start == end) {
          return null;
        }
      }
      int from = start;
      start = Math.min(newline + 1, end);
      line++;
      if (newline - from > max) {
        return new Row(line, newline - from, TOO_LONG);
      }
      if (!isBlank(from, newline)) {
        return new Row(line, newline - from, Arrays.copyOfRange(buffer, from, newline));
      }
      scanned = start;
    }
    return null;
  }

  /// Leaves the rest of a line that does not fit unread in memory.
  private Row tooLong() throws IOException {
    long bytes = 0;
    line++;
    while (true) {
      int newline = indexOf(start);
      if (newline >= 0) {
        bytes += newline - start;
        start = newline + 1;
        break;
      }
      bytes += end - start;
      start = end;
      if (!fill()) {
        ended = true;
        break;
      }
    }
    return new Row(line, bytes, TOO_LONG);
  }

  private int indexOf(int from) {
    for (int i = from; i < end; i++) {
      if (buffer[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  /// Moves what is unread to the front and reads more behind it.
  private boolean fill() throws IOException {
    if (start > 0) { // a long line stays where it is, read after read
      System.arraycopy(buffer, start, buffer, 0, end - start);
      end -= start;
      start = 0;
    }
    if (end == buffer.length) {
      buffer = Arrays.copyOf(buffer, Math.min(buffer.length * 2, max + (1 << 16)));
    }
    int n = in.read(buffer, end, buffer.length - end);
    end += Math.max(0, n);
    return n >= 0;
  }

  private boolean isBlank(int from, int to) {
    for (int i = from; i < to; i++) {
      if (buffer[i] != ' ' && buffer[i] != '\t' && buffer[i] != '\r') {
        return false;
      }
    }
    return true;
  }
}
