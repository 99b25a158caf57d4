// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;

/// Learns byte-level BPE merges (Sennrich et al. 2016): the most frequent pair of neighbours
/// becomes a token, again and again. Ties go to the pair with the smaller ids, so that the result
/// depends on the counts alone.
final class BpeTrainer {
  /// Ids of the 256 bytes: by the code points of their stand-ins, as Hugging Face's trainer orders
  /// them.
  private final int[] byteIds = new int[256];

  private final List<byte[]> tokens = new ArrayList<>();
  private final List<int[]> merges = new ArrayList<>();

  /// Words as ids, shrinking as pairs merge; how often each occurs.
  private final int[][] words;

  private final long[] counts;
  private final Map<Long, Pair> pairs = new HashMap<>();
  private final PriorityQueue<Candidate> queue = new PriorityQueue<>();

  private static final class Pair {
    private long count;

    /// Words that have or had it.
    private int[] where = new int[4];

    private int size;

    void add(int word, long times) {
      count += times;
      if (size > 0 && where[size - 1] == word) {
        return;
      }
      if (size == where.length) {
        where = Arrays.copyOf(where, size * 2);
      }
      where[size++] = word;
    }
  }

  private record Candidate(long pair, long count) implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      int byCount = Long.compare(other.count, count);
      return byCount != 0 ? byCount : Long.compare(pair, other.pair);
    }
  }

  /// @param counted by word, as text
  BpeTrainer(Map<String, long[]> counted) {
    Integer[] byStandIn = new Integer[256];
    Arrays.setAll(byStandIn, b -> b);
    Arrays.sort(
        byStandIn,
        (a, b) -> Character.compare(ByteAlphabet.character(a), ByteAlphabet.character(b)));
    for (int id = 0; id < 256; id++) {
      byteIds[byStandIn[id]] = id;
      tokens.add(new byte[] {(byte) (int) byStandIn[id]});
    }
    // Sorted: a hash map's order must not show.
    String[] sorted = counted.keySet().toArray(String[]::new);
    Arrays.sort(sorted);
    words = new int[sorted.length][];
    counts = new long[sorted.length];
    for (int w = 0; w < sorted.length; w++) {
      byte[] bytes = WordCounts.bytes(sorted[w]);
      words[w] = new int[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        words[w][i] = byteIds[bytes[i] & 0xff];
      }
      counts[w] = Objects.requireNonNull(counted.get(sorted[w]))[0];
    }
  }

  /// Merges until there are so many tokens, or no pair occurs twice.
  void train(int tokenCount) {
    for (int w = 0; w < words.length; w++) {
      for (int i = 0; i + 1 < words[w].length; i++) {
        pairs.computeIfAbsent(key(words[w][i], words[w][i + 1]), k -> new Pair()).add(w, counts[w]);
      }
    }
    pairs.forEach((key, pair) -> queue.add(new Candidate(key, pair.count)));
    while (tokens.size() < tokenCount && !queue.isEmpty()) {
      Candidate best = queue.remove();
      Pair pair = pairs.get(best.pair());
      if (pair == null) {
        continue;
      }
      if (pair.count != best.count()) {
        // Counts change while a candidate waits: it queues again with the present one.
        queue.add(new Candidate(best.pair(), pair.count));
        continue;
      }
      if (pair.count < 2) {
        return;
      }
      merge(best.pair(), pair);
    }
  }

  private void merge(long key, Pair pair) {
    int left = (int) (key >>> 32);
    int right = (int) key;
    int merged = tokens.size();
    byte[] bytes =
        Arrays.copyOf(tokens.get(left), tokens.get(left).length + tokens.get(right).length);
    System.arraycopy(
        tokens.get(right), 0, bytes, tokens.get(left).length, tokens.get(right).length);
    tokens.add(bytes);
    merges.add(new int[] {left, right});
    pairs.remove(key);
    Map<Long, Boolean> grown = new HashMap<>();
    for (int i = 0; i < pair.size; i++) {
      replace(pair.where[i], left, right, merged, grown);
    }
    for (long k : grown.keySet()) {
      Pair p = pairs.get(k);
      if (p != null) {
        queue.add(new Candidate(k, p.count));
      }
    }
  }

  private void replace(int word, int left, int right, int merged, Map<Long, Boolean> grown) {
    int[] ids = words[word];
    if (!contains(ids, left, right)) {
      return;
    }
    long times = counts[word];
    int[] out = new int[ids.length];
    int n = 0;
    int i = 0;
    while (i < ids.length) {
      if (i + 1 == ids.length || ids[i] != left || ids[i + 1] != right) {
        out[n++] = ids[i++];
        continue;
      }
      if (n > 0) {
        lose(out[n - 1], left, times);
        gain(out[n - 1], merged, word, times, grown);
      }
      i += 2;
      if (i < ids.length) {
        lose(right, ids[i], times);
        gain(merged, ids[i], word, times, grown);
      }
      out[n++] = merged;
    }
    words[word] = Arrays.copyOf(out, n);
  }

  private void lose(int left, int right, long times) {
    Pair pair = pairs.get(key(left, right));
    if (pair != null) { // the one that is merged has no count any more
      pair.count -= times;
    }
  }

  private void gain(int left, int right, int word, long times, Map<Long, Boolean> grown) {
    long key = key(left, right);
    pairs.computeIfAbsent(key, k -> new Pair()).add(word, times);
    grown.put(key, true);
  }

  private static boolean contains(int[] ids, int left, int right) {
    for (int i = 0; i + 1 < ids.length; i++) {
      if (ids[i] == left && ids[i + 1] == right) {
        return true;
      }
    }
    return false;
  }

  private static long key(int left, int right) {
    return (long) left << 32 | right;
  }

  /// Bytes of each token; the first 256 are single bytes.
  List<byte[]> tokens() {
    return tokens;
  }

  /// Ids of the two halves of token 256, 257, …
  List<int[]> merges() {
    return merges;
  }
}
