// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class StreamablePatternTest {
  private static final int TOKENS = 90;

  private record Case(long seed, StreamablePattern pattern, int branch, int head, int heads) {
    static Case of(long seed) {
      Random random = new Random(seed);
      StreamablePattern pattern = RandomPatterns.any(random, true);
      int heads = 1 + random.nextInt(9);
      return new Case(
          seed, pattern, random.nextInt(pattern.branches()), random.nextInt(heads), heads);
    }

    Rows live(long tokens) {
      return pattern.live(branch, head, heads, tokens);
    }

    Rows liveOfOwnSegment(long tokens) {
      return pattern.live(branch - 1, head, heads, tokens);
    }

    boolean slides() {
      return pattern instanceof DilatedAttentionSpec spec
          && spec.segments().stream().anyMatch(b -> b.window() == Branch.Window.SLIDING);
    }

    Set<Long> keys(long query) {
      return RandomPatterns.keys(pattern, branch, head, heads, query, TOKENS);
    }
  }

  @Test
  void seenKeysAreThoseOfTheQuerysFold() {
    for (long seed = 0; seed < 150; seed++) {
      Case c = Case.of(seed);
      for (long query = 0; query < TOKENS; query++) {
        Rows seen = c.pattern.seen(c.branch, c.head, c.heads, query);
        assertThat(RandomPatterns.positions(seen))
            .as("%s, query %d", c, query)
            .isEqualTo(c.keys(query));
      }
    }
  }

  /// Every row that a later query sees is live. What is live and no query sees any more belongs to
  /// a segment, or a block, whose last queries are over, or a window has passed it.
  @Test
  void liveRowsAreThoseThatLaterQueriesSee() {
    for (long seed = 0; seed < 150; seed++) {
      Case c = Case.of(seed);
      for (long tokens = 0; tokens < TOKENS / 2; tokens++) {
        Set<Long> wanted = new TreeSet<>();
        for (long query = tokens; query < TOKENS; query++) {
          for (long key : c.keys(query)) {
            if (key < tokens) {
              wanted.add(key);
            }
          }
        }
        Set<Long> live = RandomPatterns.positions(c.live(tokens));
        if (c.pattern.keepsSegmentBefore(c.branch)) {
          live.addAll(RandomPatterns.positions(c.liveOfOwnSegment(tokens)));
        }
        assertThat(live).as("%s, %d tokens", c, tokens).containsAll(wanted);
        if (!wanted.isEmpty() && !c.slides() && !c.pattern.keepsSegmentBefore(c.branch)) {
          assertThat(live).as("%s, %d tokens", c, tokens).isEqualTo(wanted);
        }
      }
    }
  }

  @Test
  void aCacheGrowsAtItsEndOrBeginsAnew() {
    for (long seed = 0; seed < 150; seed++) {
      Case c = Case.of(seed);
      Rows before = c.live(0);
      assertThat(before.isEmpty()).isTrue();
      for (long tokens = 1; tokens < TOKENS; tokens++) {
        Rows now = c.live(tokens);
        assertThat(now.count()).isLessThanOrEqualTo(c.pattern.mostKeys(c.branch));
        boolean grows =
            now.within(0, tokens - 1).equals(before) || now.isEmpty() && before.isEmpty();
        boolean anew =
            now.isEmpty()
                || now.first() == tokens - 1 && now.count() == 1
                || c.pattern.keepsSegmentBefore(c.branch)
                    && now.within(0, tokens - 1).equals(c.liveOfOwnSegment(tokens - 1));
        assertThat(grows || anew).as("%s, %d tokens: %s, then %s", c, tokens, before, now).isTrue();
        before = now;
      }
    }
  }
}
