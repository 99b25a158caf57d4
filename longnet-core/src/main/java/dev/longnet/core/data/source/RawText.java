// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/// Text that should be UTF-8. Bytes that are not pass through a Java string as lone surrogates,
/// 0xDC00 + byte, which stand for nothing else there.
public final class RawText {
  private RawText() {}

  public static boolean isUtf8(byte[] bytes) {
    // A replacement character appears in what was decoded when the bytes are malformed, or when the
    // text has one.
    if (new String(bytes, StandardCharsets.UTF_8).indexOf('\uFFFD') < 0) {
      return true;
    }
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  static String decode(byte[] bytes) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    CoderResult result = decoder.decode(in, out, true);
    while (!result.isUnderflow()) {
      for (int i = 0; i < result.length(); i++) {
        out.put((char) (0xdc00 | in.get() & 0xff));
      }
      result = decoder.decode(in, out, true);
    }
    return out.flip().toString();
  }

  /// What [#decode] decoded.
  static byte[] encode(String text) throws RejectedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream(text.length());
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0xdc80
          && c <= 0xdcff
          && (i == 0 || !Character.isHighSurrogate(text.charAt(i - 1)))) {
        out.writeBytes(utf8(text.substring(from, i)));
        out.write(c);
        from = i + 1;
      }
    }
    out.writeBytes(utf8(text.substring(from)));
    return out.toByteArray();
  }

  static byte[] utf8(String text) throws RejectedException {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new RejectedException(Reason.HALF_CHARACTER, "as \\ud800 without its second half");
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
