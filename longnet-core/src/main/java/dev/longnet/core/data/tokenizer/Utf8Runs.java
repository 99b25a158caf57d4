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
