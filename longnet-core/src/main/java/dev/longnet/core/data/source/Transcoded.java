// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

/// A text of another charset as UTF-8, without its byte order mark.
final class Transcoded extends InputStream {
  private final Reader reader;
  private final Charset charset;
  private final char[] chars = new char[4096];

  /// How many of `chars` wait: half a surrogate pair.
  private int held;

  private byte[] text = {};
  private int at;
  private boolean begun;

  /// @param in closed with this
  Transcoded(InputStream in, Charset charset) {
    this.reader = new InputStreamReader(in, charset.newDecoder());
    this.charset = charset;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] b, int off, int len) throws IOException {
    if (len == 0) {
      return 0;
    }
    while (at == text.length) {
      if (!fill()) {
        return -1;
      }
    }
    int n = Math.min(len, text.length - at);
    System.arraycopy(text, at, b, off, n);
    at += n;
    return n;
  }

  private boolean fill() throws IOException {
    int read;
    try {
      read = reader.read(chars, held, chars.length - held);
    } catch (CharacterCodingException e) {
      throw new RejectedException(Reason.CORRUPT, "it is not " + charset + " throughout");
    }
    if (read < 0) {
      return false;
    }
    int from = !begun && chars[0] == '\uFEFF' ? 1 : 0;
    begun = true;
    int end = held + read;
    // The decoder lets no lone half pass: the other one follows.
    held = Character.isHighSurrogate(chars[end - 1]) ? 1 : 0;
    text = new String(chars, from, end - held - from).getBytes(StandardCharsets.UTF_8);
    at = 0;
    chars[0] = held > 0 ? chars[end - 1] : chars[0];
    return true;
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
