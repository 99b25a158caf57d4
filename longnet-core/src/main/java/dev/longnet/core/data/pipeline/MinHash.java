// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import java.util.Arrays;
import java.util.SplittableRandom;

/// MinHash signatures (Broder 1997) of a text's word 5-grams: the share of equal positions in two
/// signatures estimates the Jaccard similarity of the two sets. Words are runs of letters, digits
/// and bytes above 127; all else separates them, so that reformatting and punctuation do not count.
final class MinHash {
  /// Positions of a signature: the estimate's standard error is at most 0.044.
  static final int SIZE = 128;

  private static final int GRAM = 5;
  private static final long[] FACTORS = new long[SIZE];
  private static final long[] OFFSETS = new long[SIZE];

  static {
    SplittableRandom random = new SplittableRandom(2023);
    for (int i = 0; i < SIZE; i++) {
      FACTORS[i] = random.nextLong() | 1;
      OFFSETS[i] = random.nextLong();
    }
  }

  private MinHash() {}

  static int[] signature(byte[] text) {
    int[] signature = new int[SIZE];
    Arrays.fill(signature, Integer.MAX_VALUE);
    long[] words = new long[GRAM];
    int count = 0;
    for (int i = 0; i < text.length; ) {
      if (!isWord(text[i])) {
        i++;
        continue;
      }
      long word = 0xcbf29ce484222325L;
      for (; i < text.length && isWord(text[i]); i++) {
        word = (word ^ text[i]) * 0x100000001b3L;
      }
      System.arraycopy(words, 1, words, 0, GRAM - 1);
      words[GRAM - 1] = word;
      if (++count >= GRAM) {
        fold(signature, gram(words));
      }
    }
    if (count < GRAM) {
      fold(signature, gram(words) + count);
    }
    return signature;
  }

  private static boolean isWord(byte b) {
    return b < 0 || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9';
  }

  private static long gram(long[] words) {
    long hash = 0;
    for (long word : words) {
      hash = (hash ^ word) * 0x9E3779B97F4A7C15L;
      hash ^= hash >>> 32;
    }
    return hash;
  }

  private static void fold(int[] signature, long hash) {
    for (int i = 0; i < SIZE; i++) {
      signature[i] = Math.min(signature[i], (int) (hash * FACTORS[i] + OFFSETS[i] >>> 32));
    }
  }

  /// Estimated Jaccard similarity.
  static double similarity(int[] a, int[] b) {
    int equal = 0;
    for (int i = 0; i < SIZE; i++) {
      equal += a[i] == b[i] ? 1 : 0;
    }
    return equal / (double) SIZE;
  }
}
