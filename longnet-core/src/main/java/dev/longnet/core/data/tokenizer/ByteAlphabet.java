// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// GPT-2's printable stand-ins for the 256 bytes, in which byte-level `tokenizer.json` files write
/// their tokens: printable Latin-1 bytes are themselves, the others take the characters from U+0100
/// on.
final class ByteAlphabet {
  private static final char[] CHARACTERS = new char[256];
  private static final int[] BYTES = new int[512];

  static {
    int next = 256;
    Arrays.fill(BYTES, -1);
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
      CHARACTERS[b] = (char) (printable ? b : next++);
      BYTES[CHARACTERS[b]] = b;
    }
  }

  private ByteAlphabet() {}

  static char character(int b) {
    return CHARACTERS[b];
  }

  static String encode(byte[] bytes) {
    StringBuilder text = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      text.append(CHARACTERS[b & 0xff]);
    }
    return text.toString();
  }

  /// The bytes a token stands for, or null when it has characters of no byte.
  static byte @Nullable [] decode(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = token.charAt(i);
      if (c >= BYTES.length || BYTES[c] < 0) {
        return null;
      }
      bytes[i] = (byte) BYTES[c];
    }
    return bytes;
  }
}
