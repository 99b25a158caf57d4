// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A row an element of a JSON array. Looks for the commas between them and nothing else: whoever
/// parses an element says what is wrong with it.
final class ElementCutter implements RowCutter {
  private static final byte[] BYTE_ORDER_MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  private final BufferedInputStream in;
  private final int max;
  private long element;
  private boolean ended;

  /// @param max bytes of a row; of a longer one no more than that is held
  ElementCutter(InputStream in, int max) {
    this.in = new BufferedInputStream(in, 1 << 16);
    this.max = max;
  }

  @Override
  public long rows() {
    return element;
  }

  @Override
  public @Nullable Row next() throws IOException {
    if (ended) {
      requireEnd();
      return null;
    }
    if (element == 0) {
      enter();
    }
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    long length = 0;
    int depth = 0;
    boolean inString = false;
    boolean escaped = false;
    boolean blank = true;
    while (true) {
      int b = in.read();
      if (b < 0) {
        throw new EOFException("its array does not end");
      }
      if (!inString && depth == 0 && (b == ',' || b == ']')) {
        ended = b == ']';
        break;
      }
      if (inString) {
        inString = escaped || b != '"';
        escaped = !escaped && b == '\\';
      } else if (b == '"') {
        inString = true;
      } else if (b == '{' || b == '[') {
        depth++;
      } else if (b == '}' || b == ']') {
        depth--;
      }
      blank &= isBlank(b);
      if (!blank && ++length <= max) {
        json.write(b);
      }
    }
    if (ended && blank && element == 0) {
      return next(); // an empty array
    }
    element++;
    return new Row(element, length, length > max ? new byte[0] : json.toByteArray());
  }

  private void enter() throws IOException {
    in.mark(BYTE_ORDER_MARK.length);
    if (!Arrays.equals(in.readNBytes(BYTE_ORDER_MARK.length), BYTE_ORDER_MARK)) {
      in.reset();
    }
    int b = in.read();
    while (isBlank(b)) {
      b = in.read();
    }
    if (b != '[') {
      throw new RejectedException(Reason.INVALID_JSON, "it is no array");
    }
  }

  private void requireEnd() throws IOException {
    for (int b = in.read(); b >= 0; b = in.read()) {
      if (!isBlank(b)) {
        throw new RejectedException(Reason.INVALID_JSON, "what follows its array is not read");
      }
    }
  }

  private static boolean isBlank(int b) {
    return b == ' ' || b == '\t' || b == '\r' || b == '\n';
  }
}
