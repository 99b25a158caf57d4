// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/// Segment lengths of an encoder's branches, which may depend on the number of tokens N: slide
/// encoders see a thousand tiles or a million, and their longest segment follows.
public sealed interface SegmentLengths {

  /// How many branches.
  int branches();

  /// The segment length of every branch for a sequence of `tokens`.
  ///
  /// @throws IllegalArgumentException where there is no rule for that many
  List<Long> of(long tokens);

  /// The same for every N.
  record Fixed(List<Long> lengths) implements SegmentLengths {
    public Fixed {
      lengths = checked(lengths);
    }

    @Override
    public int branches() {
      return lengths.size();
    }

    @Override
    public List<Long> of(long tokens) {
      return lengths;
    }
  }

  /// A table, as LongViT has one by image size: the entry with the smallest key of at least N
  /// applies.
  record ByTokens(NavigableMap<Long, List<Long>> table) implements SegmentLengths {
    public ByTokens {
      NavigableMap<Long, List<Long>> copy = new TreeMap<>();
      for (Map.Entry<Long, List<Long>> e : table.entrySet()) {
        if (e.getKey() < 1) {
          throw new IllegalArgumentException(
              "segment_length: numbers of tokens must be positive: " + e.getKey());
        }
        copy.put(e.getKey(), checked(e.getValue()));
      }
      if (copy.isEmpty()) {
        throw new IllegalArgumentException(
            "segment_length: a table by number of tokens needs an entry");
      }
      if (copy.values().stream().map(List::size).distinct().count() > 1) {
        throw new IllegalArgumentException(
            "segment_length: every entry must name as many lengths: " + copy);
      }
      table = copy;
    }

    @Override
    public int branches() {
      return table.firstEntry().getValue().size();
    }

    @Override
    public List<Long> of(long tokens) {
      Map.Entry<Long, List<Long>> entry = table.ceilingEntry(tokens);
      if (entry == null) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "segment_length has no entry for %d tokens, its largest is for %d",
                tokens,
                table.lastKey()));
      }
      return entry.getValue();
    }
  }

  /// Evenly spaced exponents from `first` to floor(log2 N), rounded down: Prov-GigaPath's rule,
  /// which gives 1024, 5792, 32768, 185363, 1048576 for N = 2^20 and five branches.
  record Geometric(long first, int branches) implements SegmentLengths {
    public Geometric {
      if (first < 1 || branches < 1) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "segment_length: geometric needs first >= 1: first=%d, branches=%d",
                first,
                branches));
      }
    }

    @Override
    public List<Long> of(long tokens) {
      double from = Math.log(first) / Math.log(2);
      double to = Math.max(from, 63 - Long.numberOfLeadingZeros(Math.max(1, tokens)));
      List<Long> lengths = new ArrayList<>();
      for (int i = 0; i < branches; i++) {
        double exponent = branches == 1 ? to : from + (to - from) * i / (branches - 1);
        // 2^10 must not become 1023 because log and pow round.
        double nearest = Math.rint(exponent);
        lengths.add((long) Math.pow(2, Math.abs(exponent - nearest) < 1e-9 ? nearest : exponent));
      }
      if (from != Math.rint(from)) {
        lengths.set(0, branches == 1 ? lengths.get(0) : Long.valueOf(first));
      }
      return lengths;
    }
  }

  private static List<Long> checked(List<Long> lengths) {
    if (lengths.isEmpty()) {
      throw new IllegalArgumentException("segment_length must name at least one length");
    }
    for (long length : lengths) {
      if (length < 1) {
        throw new IllegalArgumentException(
            "segment_length must be positive: segment_length=" + lengths);
      }
    }
    return List.copyOf(lengths);
  }
}
