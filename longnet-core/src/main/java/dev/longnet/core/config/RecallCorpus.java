// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.Locale;

/// A corpus that is made up: pairs of a key and a value, hidden in filler text, and asked for
/// later. What a model learns from it is to remember.
///
/// @param bytes of text, in whole documents, at least
/// @param reach bytes between a pair and its question, at most
/// @param seed of the text
public record RecallCorpus(long bytes, int reach, long seed) {

  /// What the paths of such sources begin with.
  public static final String PREFIX = "recall:";

  /// So that a document, of sixteen reaches, is one that is held in memory.
  private static final int MOST_REACH = 1 << 18;

  public RecallCorpus {
    if (bytes < 1 || bytes > 1L << 40) {
      throw new IllegalArgumentException("bytes must be from 1 to 2^40: bytes=" + bytes);
    }
    if (reach < 16 || reach > MOST_REACH) {
      throw new IllegalArgumentException(
          "reach must be from 16 to " + MOST_REACH + ": reach=" + reach);
    }
    if (seed < 0) {
      throw new IllegalArgumentException("seed must be at least 0: seed=" + seed);
    }
  }

  public static boolean isOne(String path) {
    return path.startsWith(PREFIX);
  }

  /// @param path `recall:bytes=16000000:reach=2048:seed=1`
  /// @throws IllegalArgumentException for anything else
  public static RecallCorpus parse(String path) {
    String[] parts = path.substring(PREFIX.length()).split(":", -1);
    String[] keys = {"bytes", "reach", "seed"};
    long[] values = new long[keys.length];
    boolean fits = parts.length == keys.length;
    for (int i = 0; fits && i < keys.length; i++) {
      fits = parts[i].matches(keys[i] + "=[0-9]{1,15}");
      values[i] = fits ? Long.parseLong(parts[i].substring(keys[i].length() + 1)) : 0;
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "a recall source must be recall:bytes=B:reach=R:seed=S: path=" + path);
    }
    try {
      return new RecallCorpus(values[0], (int) Math.min(Integer.MAX_VALUE, values[1]), values[2]);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(e.getMessage() + " (source " + path + ")", e);
    }
  }

  /// As [#parse] takes it.
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%sbytes=%d:reach=%d:seed=%d", PREFIX, bytes, reach, seed);
  }
}
