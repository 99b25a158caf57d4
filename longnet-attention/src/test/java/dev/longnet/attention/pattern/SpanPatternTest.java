// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class SpanPatternTest {
  @Test
  void aSpanHasThePairsThatLieInIt() {
    for (long seed = 0; seed < 1000; seed++) {
      Random random = new Random(seed);
      int heads = 1 + random.nextInt(4);
      long tokens = 1 + random.nextInt(90);
      AttentionPattern inner = RandomPatterns.ofAnyKind(random, heads, tokens);
      long first = random.nextLong(tokens + 1);
      long length = random.nextLong(tokens - first + 1);
      AttentionPattern span = SpanPattern.of(inner, first, length, tokens);
      for (int head = 0; head < heads; head++) {
        Map<String, Integer> expected = new TreeMap<>();
        pairs(inner, head, heads, tokens)
            .forEach((pair, count) -> {
              long query = pair.get(1) - first;
              long key = pair.get(2) - first;
              if (query >= 0 && query < length && key >= 0 && key < length) {
                expected.put(List.of(pair.get(0), query, key).toString(), count);
              }
            });
        Map<String, Integer> actual = new TreeMap<>();
        pairs(span, head, heads, length)
            .forEach((pair, count) -> actual.put(pair.toString(), count));
        assertThat(actual)
            .as("seed %d: [%d, +%d) of %d, %s", seed, first, length, tokens, inner)
            .isEqualTo(expected);
      }
    }
  }

  /// What passes rely on when they visit only some segments.
  @Test
  void segmentsOutsideARangeTouchNoRowOfIt() {
    for (long seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      long tokens = 1 + random.nextInt(150);
      AttentionPattern inner = RandomPatterns.ofAnyKind(random, 1, tokens);
      long first = random.nextLong(tokens);
      long length = 1 + random.nextLong(tokens - first);
      AttentionPattern span = new SpanPattern(inner, first, length, tokens);
      long from = random.nextLong(length);
      long to = random.nextLong(length + 1);
      for (int branch = 0; branch < span.branches(); branch++) {
        assertThat(span.firstSegment(branch, 0)).isZero();
        long end = span.endSegment(branch, length, length);
        for (long segment = 0; segment < end; segment++) {
          Fold fold = span.fold(branch, segment, 0, 1, length);
          for (Rows rows : List.of(fold.queries(), fold.keys())) {
            if (!rows.isEmpty() && segment < span.firstSegment(branch, from)) {
              assertThat(rows.last()).as("seed %d", seed).isLessThan(from);
            }
            if (!rows.isEmpty() && segment >= span.endSegment(branch, to, length)) {
              assertThat(rows.first()).as("seed %d", seed).isGreaterThanOrEqualTo(to);
            }
          }
        }
      }
    }
  }

  /// A span far out has as few segments as one at the beginning.
  @Test
  void segmentsBeforeTheSpanAreNotVisited() {
    long tokens = 1L << 50;
    SpanPattern span =
        new SpanPattern(DilatedAttentionSpec.paper(true), tokens - 65536, 65536, tokens);
    assertThat(span.endSegment(0, 65536, 65536)).isEqualTo(32);
    assertThat(span.pairs(0, 12, 65536))
        .isEqualTo(DilatedAttentionSpec.paper(true).pairs(0, 12, 65536));
    assertThat(span.reach(12, 65536)).isEqualTo(DilatedAttentionSpec.paper(true).reach(12, 65536));
  }

  @Test
  void aSpanOfEverythingIsThePattern() {
    AttentionPattern pattern = DilatedAttentionSpec.paper(true);
    assertThat(SpanPattern.of(pattern, 0, 100, 100)).isSameAs(pattern);
    assertThatThrownBy(() -> new SpanPattern(pattern, 90, 11, 100))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a span must lie within its sequence: first=90, length=11, tokens=100");
    assertThatThrownBy(() -> new SpanPattern(pattern, 9, 11, 100).fold(0, 0, 0, 1, 100))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /// How often each (branch, query, key) counts.
  static Map<List<Long>, Integer> pairs(
      AttentionPattern pattern, int head, int heads, long tokens) {
    Map<List<Long>, Integer> pairs = new java.util.HashMap<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      for (long segment = 0; segment < pattern.endSegment(branch, tokens, tokens); segment++) {
        add(pattern.fold(branch, segment, head, heads, tokens), pattern.causal(), branch, pairs);
      }
    }
    return pairs;
  }

  static void add(Fold fold, boolean causal, long branch, Map<List<Long>, Integer> pairs) {
    for (long query : RandomPatterns.positions(fold.queries())) {
      for (long key : RandomPatterns.positions(fold.seen(query, causal))) {
        pairs.merge(List.of(branch, query, key), 1, Integer::sum);
      }
    }
  }
}
