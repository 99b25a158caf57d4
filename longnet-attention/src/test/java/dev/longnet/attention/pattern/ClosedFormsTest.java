// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// What patterns answer without visiting segments equals the enumeration.
class ClosedFormsTest {
  @Test
  void pairsEqualTheEnumeration() {
    for (long seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      AttentionPattern pattern = RandomPatterns.any(random, random.nextBoolean());
      int heads = 1 + random.nextInt(9);
      int head = random.nextInt(heads);
      long tokens = random.nextInt(200);
      assertThat(pattern.pairs(head, heads, tokens))
          .as("seed %d: %s, head %d of %d, %d tokens", seed, pattern, head, heads, tokens)
          .isEqualTo(new RandomPatterns.Enumerated(pattern).pairs(head, heads, tokens));
    }
  }

  @Test
  void pairsOfAFoldAreThoseThatQueriesSee() {
    for (long seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      Rows keys = new Rows(random.nextInt(20), 1 + random.nextInt(9), random.nextInt(30));
      long first = random.nextInt(90);
      Rows queries = new Rows(first, 1 + random.nextInt(9), random.nextInt(30));
      Rows before = keys.within(0, first);
      for (Fold fold :
          List.of(new Fold(queries, keys), new Fold(queries, before, 1 + random.nextInt(150)))) {
        double seen = 0;
        for (long i = 0; i < queries.count(); i++) {
          seen += fold.seen(queries.position(i), true).count();
        }
        assertThat(fold.pairs(true)).as("seed %d: %s", seed, fold).isEqualTo(seen);
      }
    }
  }

  /// An enumeration of 2^50 tokens would not end.
  @Test
  void pairsOfLongSequencesTakeNoTime() {
    long tokens = 1L << 50;
    DilatedAttentionSpec dilated = new DilatedAttentionSpec(List.of(new Branch(64, 4)), false);
    assertThat(dilated.pairs(0, 4, tokens)).isEqualTo((double) (tokens / 64) * 16 * 16);
    assertThat(DilatedAttentionSpec.dense(true).pairs(0, 1, tokens))
        .isEqualTo(0.5 * tokens * (tokens + 1.0));
    Branch far = new Branch(tokens, 4, Branch.Window.SEGMENT, Branch.Dilate.KEYS, List.of(0), 0);
    double keys = tokens / 4;
    assertThat(new DilatedAttentionSpec(List.of(far), true).pairs(0, 4, tokens))
        .isEqualTo(4 * (keys * (keys + 1) / 2));
    double blocks = tokens / 64;
    assertThat(new SparseAttentionSpec(64, 8, false).pairs(0, 4, tokens))
        .isEqualTo(blocks * 64 * 64 + 0.5 * blocks * (blocks - 1) * 64 * 8);
  }

  @Test
  void nothingAttendsAcrossAPeriod() {
    for (long seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      DilatedAttentionSpec spec = RandomPatterns.dilated(random, random.nextBoolean());
      long period = spec.period().orElseThrow();
      for (Branch branch : spec.segments()) {
        assertThat(period % branch.segmentLength()).as("seed %d: %s", seed, spec).isZero();
      }
      long tokens = 1 + random.nextInt(300);
      for (int branch = 0; branch < spec.branches(); branch++) {
        for (long segment = 0; segment < spec.endSegment(branch, tokens, tokens); segment++) {
          Fold fold = spec.fold(branch, segment, 0, 1, tokens);
          if (!fold.keys().isEmpty()) {
            assertThat(fold.keys().first() / period)
                .as("seed %d: %s", seed, spec)
                .isEqualTo(fold.keys().last() / period)
                .isEqualTo(fold.queries().first() / period);
          }
        }
      }
    }
  }

  @Test
  void periodsAreTheLeastCommonMultipleOfSegments() {
    assertThat(period(2048, 4096, 32768)).hasValue(32768);
    assertThat(period(16, 40)).hasValue(80);
    assertThat(period(1L << 62, 1)).hasValue(1L << 62);
    assertThat(period((1L << 62) + 1)).isEmpty();
    assertThat(period(1L << 61, 3)).isEmpty();
    assertThat(DilatedAttentionSpec.dense(true).period()).isEmpty();
    assertThat(new SparseAttentionSpec(64, 4, true).period()).isEmpty();
    assertThat(new BlockwiseCausalPattern(DilatedAttentionSpec.paper(true), 64).period()).isEmpty();
  }

  /// torchscale pads a sequence of N tokens to whole segments of min(w, N), each of these to a
  /// multiple of r, and gives every head each r-th row of it.
  @Test
  void paddingKeysAreThosePaddedSegmentsHaveBeyondTheirTokens() {
    for (long seed = 0; seed < 1000; seed++) {
      Random random = new Random(seed);
      DilatedAttentionSpec spec = RandomPatterns.dilated(random, false);
      int heads = 1 + random.nextInt(9);
      int head = random.nextInt(heads);
      long tokens = 1 + random.nextInt(120);
      for (int branch = 0; branch < spec.branches(); branch++) {
        Branch b = spec.segments().get(branch);
        long length = Math.min(b.segmentLength(), tokens);
        long padded = Math.ceilDiv(length, b.dilation()) * b.dilation();
        long offset = spec.headOffsets().offset(head, heads, b.dilation());
        for (long segment = 0; segment < spec.endSegment(branch, tokens, tokens); segment++) {
          long expected = 0;
          for (long local = offset; local < padded; local += b.dilation()) {
            expected += local >= length || segment * length + local >= tokens ? 1 : 0;
          }
          assertThat(spec.paddingKeys(branch, segment, head, heads, tokens))
              .as("seed %d: %s, head %d of %d, %d tokens", seed, spec, head, heads, tokens)
              .isEqualTo(expected);
        }
      }
    }
  }

  private static OptionalLong period(long... segmentLengths) {
    long[] dilations = new long[segmentLengths.length];
    Arrays.fill(dilations, 1);
    return DilatedAttentionSpec.of(segmentLengths, dilations, true, HeadOffsets.INTERLEAVED)
        .period();
  }
}
