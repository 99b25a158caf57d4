// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
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

  /// Longer ones (DNA, scripts without spaces) are counted in parts of so many characters.
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
              countParts(run, matcher.start(), matcher.end());
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

  private void countParts(String run, int from, int to) {
    for (int start = from; start < to; ) {
      int end = Math.min(start + MAX_WORD, to);
      if (end < to && Character.isSurrogatePair(run.charAt(end - 1), run.charAt(end))) {
        end--;
      }
      count(run.substring(start, end), 1);
      start = end;
    }
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
  /// Half of the memory stays in use: where all words are as rare (parts of DNA), those that stay
  /// teach its pairs.
  private void forgetRarest() {
    for (long rare = 1; isOverHalf(); rare *= 2) {
      for (Iterator<Map.Entry<String, long[]>> words = counts.entrySet().iterator();
          words.hasNext() && isOverHalf(); ) {
        Map.Entry<String, long[]> word = words.next();
        if (word.getValue()[0] <= rare) {
          words.remove();
          bytes -= bytes(word.getKey()).length;
          forgotten++;
        }
      }
    }
  }

  private boolean isOverHalf() {
    return counts.size() > MAX_DISTINCT / 2 || bytes > MAX_BYTES / 2;
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
