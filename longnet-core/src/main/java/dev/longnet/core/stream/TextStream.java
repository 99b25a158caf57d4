// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/// Bytes of tokens to text as they come: a character that spans tokens appears when its last byte
/// is there, and bytes that are no UTF-8 appear as U+FFFD.
public final class TextStream {
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private ByteBuffer rest = ByteBuffer.allocate(0);

  /// The characters that these bytes complete.
  public String add(byte[] bytes) {
    return decode(bytes, false);
  }

  /// What is left: U+FFFD for an unfinished character. The stream is then as new.
  public String end() {
    String last = decode(new byte[0], true);
    decoder.reset();
    return last;
  }

  private String decode(byte[] bytes, boolean end) {
    ByteBuffer in =
        ByteBuffer.allocate(rest.remaining() + bytes.length).put(rest).put(bytes).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 2);
    decoder.decode(in, out, end);
    if (end) {
      decoder.flush(out);
    }
    rest = in;
    return out.flip().toString();
  }
}
