// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongToIntFunction;

/// Places in the held-out text where a suffix begins: the longest prompt before it and the suffix
/// itself lie in one package. They are spread evenly, and depend on the text alone.
///
/// @param starts tokens before each suffix's first prediction, rising
record Suffixes(List<Long> starts) {
  Suffixes {
    starts = List.copyOf(starts);
  }

  /// @param tokens held out
  /// @param prompt tokens of the longest prompt
  /// @param suffix tokens that are predicted
  /// @param most of them
  static Suffixes of(HeldOutGroups groups, long tokens, int prompt, int suffix, int most) {
    List<Long> all = new ArrayList<>();
    for (long start = prompt; start + suffix < tokens; start += suffix) {
      if (groups.isOnePackage(start - prompt, start + suffix + 1)) {
        all.add(start);
      }
    }
    List<Long> chosen = new ArrayList<>();
    int wanted = Math.min(most, all.size());
    for (int i = 0; i < wanted; i++) {
      chosen.add(all.get((int) ((long) i * all.size() / wanted)));
    }
    return new Suffixes(chosen);
  }

  /// Another suffix, whose prompt is of another package: half of all further on, or the next that
  /// is; the suffix itself where there is only one package.
  long stranger(int index, LongToIntFunction packageOf) {
    long own = starts.get(index);
    for (int i = 0; i < starts.size(); i++) {
      long other = starts.get((index + starts.size() / 2 + i) % starts.size());
      if (packageOf.applyAsInt(other) != packageOf.applyAsInt(own)) {
        return other;
      }
    }
    return own;
  }
}
