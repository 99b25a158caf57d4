// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/// Cuts bytes into valid UTF-8 runs and single bytes that are not part of any, so that tokenizers
/// of text can encode any bytes: runs as text, the other bytes by the vocabulary's byte tokens.
final class Utf8Runs {
  private Utf8Runs() {}

  /// Takes the pieces in order.
  interface Sink {
    void text(String run);

    void invalidByte(int unsigned);
  }

  /// The character that begins at a place; -1 where none does, or not all of it is there.
  static int at(byte[] utf8, int length, int place) {
    if (place >= length) {
      return -1;
    }
    int first = utf8[place] & 0xff;
    int bytes = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (bytes == 1) {
      return first;
    }
    if (bytes == 0 || place + bytes > length) {
      return -1;
    }
    String one = new String(utf8, place, bytes, StandardCharsets.UTF_8);
    return one.codePointCount(0, one.length()) == 1 && one.charAt(0) != '\uFFFD'
        ? one.codePointAt(0)
        : -1;
  }

  /// The character that ends before a place; -1 where none does.
  static int before(byte[] utf8, int place) {
    int from = place - 1;
    while (from > 0 && place - from < 4 && (utf8[from] & 0xc0) == 0x80) {
      from--;
    }
    int c = place > 0 ? at(utf8, place, from) : -1;
    return c >= 0 && Character.toString(c).getBytes(StandardCharsets.UTF_8).length == place - from
        ? c
        : -1;
  }

  static void split(byte[] bytes, Sink sink) {
    String whole = new String(bytes, StandardCharsets.UTF_8);
    // Malformed input decodes to U+FFFD: without one (almost always) the text is valid as it
    // stands.
    if (whole.indexOf('\uFFFD') < 0) {
      if (!whole.isEmpty()) {
        sink.text(whole);
      }
      return;
    }
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    while (in.hasRemaining()) {
      CoderResult result = decoder.decode(in, out, true);
      out.flip();
      if (out.hasRemaining()) {
        sink.text(out.toString());
      }
      out.clear();
      decoder.reset();
      if (result.isError()) {
        for (int i = 0; i < result.length(); i++) {
          sink.invalidByte(in.get() & 0xff);
        }
      }
    }
  }
}
