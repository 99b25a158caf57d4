// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.data.Permutation;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.PriorityQueue;
import java.util.Set;

/// Bytes that hide pairs in filler, word by word. A key is a capital and a byte that no text has,
/// here a number; a value is another such byte, here in brackets:
///
///     The grass B12[40] is green. The sky is blue. B12[40] The sun ...
///
/// Where a key comes again, its value is the answer: whoever remembers the pair knows it, and
/// nothing else tells. The filler is that of RULER's needle in a haystack (arXiv 2404.06654), a few
/// sentences again and again, which cost a model next to nothing. A function of its seed alone. Not
/// for use by several threads.
public final class RecallText {
  /// Bytes of a key: one from `@` to `_`, then one from 128 to 191.
  public static final int KEY = 2;

  /// Bytes of a pair as it stands in the text.
  public static final int PAIR = KEY + 1;

  /// Values are the bytes from here to 255. There are many: to look at them at all then pays,
  /// before a model knows which of them to look at.
  public static final int VALUES = 192;

  /// Bytes of the longest word of the filler, with its space.
  public static final int LONGEST_WORD = 8;

  private static final int FIRST = '@';
  private static final int FIRSTS = 32;
  private static final int KEYS = 128;

  /// Distances between a pair and its question begin here.
  private static final int NEAREST = 4;

  /// Bytes from one pair to the next, on average.
  private static final int GAP = 6;

  /// Pairs within a reach, at most: their keys differ.
  private static final int PAIRS_A_REACH = 1200;

  private static final String[] FILLER =
      "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
          .split(" ");

  private final Set<Integer> used = new HashSet<>();
  private byte[] text = new byte[1 << 12];
  private int length;
  private int word;
  private long random;

  /// @param key 0 to 2,047, never twice in a text, unless it was released
  /// @param value a byte, one of those from [#VALUES] on, all equally likely
  public record Pair(int key, int value) {}

  private record Question(long due, Pair pair) {}

  private record Asked(long at, int key) {}

  public RecallText(long seed) {
    random = Permutation.mix(seed);
    word = below(FILLER.length);
  }

  /// Bytes so far.
  public int length() {
    return length;
  }

  public byte[] bytes() {
    return Arrays.copyOf(text, length);
  }

  /// Filler until at least so many bytes are there; less than a word too many.
  public void fillTo(int bytes) {
    while (length < bytes) {
      append((FILLER[word] + ' ').getBytes(StandardCharsets.US_ASCII));
      word = (word + 1) % FILLER.length;
    }
  }

  /// A pair of a key that this text has not had.
  ///
  /// @throws IllegalStateException when it had three quarters of them
  public Pair pair() {
    if (!hasKeys()) {
      throw new IllegalStateException("no keys are left: used=" + used.size());
    }
    int key;
    do {
      key = below(FIRSTS * (VALUES - KEYS));
    } while (!used.add(key));
    return new Pair(key, VALUES + below(256 - VALUES));
  }

  /// Whether a byte of a text, and the one behind it, are a key.
  static boolean isKey(byte[] text, int at) {
    int second = text[at + 1] & 0xff;
    return second >= KEYS && second < VALUES;
  }

  /// A quarter of them is always free, so that one is soon found.
  private boolean hasKeys() {
    return 4 * used.size() < 3 * FIRSTS * (VALUES - KEYS);
  }

  /// Writes a pair, or the question for one with its answer: both look alike.
  ///
  /// @return where its value stands
  public int put(Pair pair) {
    append(
        (byte) (FIRST + pair.key % FIRSTS), (byte) (KEYS + pair.key / FIRSTS), (byte) pair.value);
    return length - 1;
  }

  /// A document: pairs come again and again, and each is asked for once, at a distance of which all
  /// octaves are equally likely. A key comes back for another value no sooner than `reach` bytes
  /// after its question, so that in no window of that length anything else looks like its pair.
  ///
  /// @param bytes at least
  /// @param reach the largest distance from a pair to its question, but for a few words
  static byte[] document(long seed, int bytes, int reach) {
    RecallText text = new RecallText(seed);
    PriorityQueue<Question> questions = new PriorityQueue<>((a, b) -> Long.compare(a.due, b.due));
    PriorityQueue<Asked> asked = new PriorityQueue<>((a, b) -> Long.compare(a.at, b.at));
    int gap = Math.max(GAP, reach / PAIRS_A_REACH);
    double next = 0;
    while (text.length < bytes) {
      while (!questions.isEmpty() && questions.element().due <= text.length) {
        Pair pair = questions.remove().pair;
        asked.add(new Asked(text.put(pair), pair.key));
      }
      while (!asked.isEmpty() && asked.element().at < text.length - (long) reach) {
        text.used.remove(asked.remove().key);
      }
      if (text.length >= next) {
        next = text.length - gap * StrictMath.log(1 - text.unit());
        if (text.hasKeys()) {
          Pair pair = text.pair();
          int distance = (int) (NEAREST * StrictMath.pow(reach / (double) NEAREST, text.unit()));
          questions.add(new Question(text.length + (long) distance, pair));
          text.put(pair);
        }
      }
      text.fillTo(text.length + 1);
    }
    return text.bytes();
  }

  private void append(byte... bytes) {
    if (length + bytes.length > text.length) {
      text = Arrays.copyOf(text, 2 * text.length);
    }
    System.arraycopy(bytes, 0, text, length, bytes.length);
    length += bytes.length;
  }

  /// 0 to n - 1.
  public int below(int n) {
    return (int) ((next() >>> 33) * n >>> 31);
  }

  /// [0, 1)
  double unit() {
    return (next() >>> 11) * 0x1p-53;
  }

  /// SplitMix64.
  private long next() {
    random += 0x9E3779B97F4A7C15L;
    return Permutation.mix(random);
  }
}
