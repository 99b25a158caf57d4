// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.config.Holdout;
import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The groups that the first held-out tokens belong to: packages, of which small neighbours are put
/// together until there are at most a hundred. They depend on the held-out text alone, so runs of
/// all models have the same.
final class HeldOutGroups {
  private static final int MOST = 100;

  /// First tokens of the documents.
  private final long[] starts;

  /// Groups of the documents, before small ones are put together.
  private final int[] packages;

  private final int[] groups;
  private final int count;

  private HeldOutGroups(long[] starts, int[] packages, int[] groups, int count) {
    this.starts = starts;
    this.packages = packages;
    this.groups = groups;
    this.count = count;
  }

  /// @param tokens that are looked at, from the first on
  static HeldOutGroups of(TokenSplit held, Holdout holdout, long tokens) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    List<String> names = new ArrayList<>();
    List<Long> starts = new ArrayList<>();
    for (long i = 0; i < held.documents(); i++) {
      TokenDocument document = held.document(i);
      if (document.firstToken() >= tokens) {
        break;
      }
      String name =
          holdout.kind() == Holdout.Kind.GROUP
              ? holdout.directories(document.name())
              : document.name();
      names.add(name);
      starts.add(document.firstToken());
      long end = Math.min(tokens, document.firstToken() + document.tokens());
      sizes.merge(name, end - document.firstToken(), Long::sum);
    }
    Map<String, Integer> packages = new LinkedHashMap<>();
    sizes.keySet().forEach(name -> packages.put(name, packages.size()));
    Map<String, Integer> numbers = new LinkedHashMap<>();
    long before = 0;
    int number = -1;
    long next = 0;
    for (Map.Entry<String, Long> group : sizes.entrySet()) {
      if (before >= next) {
        number++;
        next = Math.max(before + 1, (number + 1) * tokens / MOST);
      }
      numbers.put(group.getKey(), number);
      before += group.getValue();
    }
    return new HeldOutGroups(
        starts.stream().mapToLong(Long::longValue).toArray(),
        names.stream().mapToInt(name -> packages.getOrDefault(name, 0)).toArray(),
        names.stream().mapToInt(name -> numbers.getOrDefault(name, 0)).toArray(),
        number + 1);
  }

  int count() {
    return count;
  }

  /// The group of a token.
  int of(long token) {
    return groups[document(token)];
  }

  /// The package of a token, however small.
  int packageOf(long token) {
    return packages[document(token)];
  }

  /// Whether all tokens from one up to another, that one excluded, are of one package.
  boolean isOnePackage(long from, long to) {
    int first = document(from);
    int last = document(to - 1);
    for (int i = first; i <= last; i++) {
      if (packages[i] != packages[first]) {
        return false;
      }
    }
    return true;
  }

  private int document(long token) {
    int found = Arrays.binarySearch(starts, token);
    return found >= 0 ? found : -found - 2;
  }

  /// Bytes of text that each of some tokens stands for; 0 for the end of a text.
  static int[] bytes(TokenSplit held, Tokenizer tokenizer, long from, int count) {
    if (!tokenizer.lossless()) {
      throw new IllegalArgumentException(
          "bytes of single tokens need a tokenizer that loses none: tokenizer=" + tokenizer.name());
    }
    long[] ids = new long[count];
    held.copy(from, count, MemorySegment.ofArray(ids));
    int[] ofId = new int[tokenizer.vocabularySize()];
    Arrays.fill(ofId, -1);
    ofId[tokenizer.endOfText()] = 0;
    int[] bytes = new int[count];
    for (int i = 0; i < count; i++) {
      int id = (int) ids[i];
      if (ofId[id] < 0) {
        ofId[id] = tokenizer.decode(new int[] {id}).length;
      }
      bytes[i] = ofId[id];
    }
    return bytes;
  }

  /// Sums values of neighbouring tokens by group.
  ///
  /// @param first the token of the first value
  double[] sums(long first, float[] values) {
    double[] sums = new double[count];
    for (int i = 0; i < values.length; i++) {
      sums[of(first + i)] += values[i];
    }
    return sums;
  }
}
