// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Random;

/// Texts for property tests: code-like words, many scripts, white space, and bytes that are no text
/// at all.
public final class RandomText {
  private static final String[] PARTS = {
    "class", " public", "\n\n  ", "\t", "0", "1234567", "'s", "'LL", "été", " 東京", "🙂", "\u0301",
        "\u00a0", "\u0085",
    "{", "};", "\r\n", "  ", "_", "a", "ŉ", "İ", "\uFFFD", "<|endoftext|>", "\u2028", "مرحبا", "//",
        "\u0000"
  };

  private RandomText() {}

  /// Any bytes: mostly valid UTF-8.
  public static byte[] bytes(Random random) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int parts = random.nextInt(60);
    for (int i = 0; i < parts; i++) {
      if (random.nextInt(8) == 0) {
        byte[] noise = new byte[random.nextInt(5)];
        random.nextBytes(noise);
        out.writeBytes(noise);
      } else {
        out.writeBytes(PARTS[random.nextInt(PARTS.length)].getBytes(StandardCharsets.UTF_8));
      }
    }
    return out.toByteArray();
  }

  /// Valid UTF-8 of about so many words.
  public static String text(Random random, int words) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < words; i++) {
      out.append(PARTS[random.nextInt(PARTS.length - 1)]);
    }
    return out.toString();
  }
}
