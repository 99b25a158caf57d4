// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How often each word occurs, words being what the pre-tokenizer of a trained tokenizer cuts:
/// cl100k_base's pattern, which keeps indentation and newlines of code together. Not for use by
/// several threads.
public final class WordCounts {
  /// Also the pattern in the `tokenizer.json` that training writes.
  static final String PATTERN =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
          + "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final Pattern WORDS = Pattern.compile(PATTERN, Pattern.UNICODE_CHARACTER_CLASS);

  /// Longer ones (base64, minified code) teach nothing about words.
  private static final int MAX_WORD = 256;

  /// Distinct words kept, and the bytes of them: some 150 MB of heap, and as much again while
  /// merges are learned.
  private static final int MAX_DISTINCT = 1 << 20;

  private static final long MAX_BYTES = 16 << 20;

  private final Map<String, long[]> counts = new HashMap<>();

  /// Of the distinct words.
  private long bytes;

  private long forgotten;

  public void add(byte[] utf8) {
    Utf8Runs.split(
        utf8,
        new Utf8Runs.Sink() {
          @Override
          public void text(String run) {
            Matcher matcher = WORDS.matcher(run);
            while (matcher.find()) {
              if (matcher.end() - matcher.start() <= MAX_WORD) {
                count(matcher.group(), 1);
              }
            }
          }

          @Override
          public void invalidByte(int unsigned) {}
        });
  }

  public void add(WordCounts other) {
    other.counts.forEach((word, count) -> count(word, count[0]));
    forgotten += other.forgotten;
  }

  private void count(String word, long times) {
    long[] known = counts.get(word);
    if (known != null) {
      known[0] += times;
      return;
    }
    counts.put(word, new long[] {times});
    bytes += bytes(word).length;
    if (counts.size() > MAX_DISTINCT || bytes > MAX_BYTES) {
      forgetRarest();
    }
  }

  /// Rare words do not decide which merges come first; a huge corpus has more of them than fit.
  private void forgetRarest() {
    for (long rare = 1; counts.size() > MAX_DISTINCT / 2 || bytes > MAX_BYTES / 2; rare *= 2) {
      long limit = rare;
      int before = counts.size();
      counts.values().removeIf(count -> count[0] <= limit);
      forgotten += before - counts.size();
      bytes = counts.keySet().stream().mapToLong(word -> bytes(word).length).sum();
    }
  }

  public int distinct() {
    return counts.size();
  }

  /// Distinct words that were dropped to bound memory, each time one was.
  public long forgotten() {
    return forgotten;
  }

  Map<String, long[]> counts() {
    return counts;
  }

  static byte[] bytes(String word) {
    return word.getBytes(StandardCharsets.UTF_8);
  }
}
