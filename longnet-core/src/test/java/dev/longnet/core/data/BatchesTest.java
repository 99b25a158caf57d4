// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BatchesTest {

  @ParameterizedTest
  @CsvSource({"10, 3", "11, 10", "1000, 7", "4096, 16", "4097, 16", "2, 1"})
  void anEpochShowsEachTokenAboutOnce(int tokens, int window) {
    Batches batches = new Batches(counting(tokens), window, 5);
    for (int epoch = 0; epoch < 3; epoch++) {
      int[] seen = new int[tokens];
      for (long i = 0; i < tokens / window; i++) {
        long[] ids = window(batches, window, (long) epoch * (tokens / window) + i);
        for (int j = 0; j < window; j++) {
          seen[(int) ids[j]]++;
          assertThat(ids[j + 1])
              .as("targets follow inputs on the ring")
              .isEqualTo((ids[j] + 1) % tokens);
        }
      }
      assertThat(Arrays.stream(seen).max().getAsInt()).as("epoch %d", epoch).isEqualTo(1);
      assertThat(Arrays.stream(seen).filter(n -> n == 0).count()).isEqualTo(tokens % window);
    }
  }

  @Test
  void aWindowIsAFunctionOfSeedAndNumber() {
    TokenStream stream = counting(10_000);
    Batches a = new Batches(stream, 32, 1);
    Batches b = new Batches(stream, 32, 1);
    Batches other = new Batches(stream, 32, 2);
    long[] late = window(a, 32, 777);
    for (int i = 0; i < 50; i++) {
      window(b, 32, i);
    }
    assertThat(window(b, 32, 777)).isEqualTo(late);
    assertThat(window(other, 32, 777)).isNotEqualTo(late);
    assertThat(window(a, 32, 0)).as("epochs differ").isNotEqualTo(window(a, 32, 10_000 / 32));
  }

  @Test
  void weightsDecideEachStreamsShare() {
    TokenStream[] streams = {constant(5000, 0), constant(100, 1), constant(900, 2)};
    Batches batches = new Batches(List.of(streams), new double[] {1, 2, 7}, 10, 3);
    int[] count = new int[3];
    for (int i = 0; i < 10_240; i++) {
      count[(int) window(batches, 10, i)[0]]++;
    }
    assertThat(count[0]).isBetween(1014, 1034);
    assertThat(count[1]).isBetween(2038, 2058);
    assertThat(count[0] + count[1] + count[2]).isEqualTo(10_240);
  }

  @Test
  void everyStreamOfAMixRunsThroughItsOwnEpochs() {
    Batches batches =
        new Batches(List.of(counting(1000), constant(50, 5000)), new double[] {3, 1}, 10, 3);
    Set<Long> starts = new HashSet<>();
    int windows = 0;
    for (int i = 0; windows < 100; i++) {
      long first = window(batches, 10, i)[0];
      if (first < 1000) {
        windows++;
        starts.add(first);
      }
    }
    assertThat(starts).as("the first stream's first epoch has no window twice").hasSize(100);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 5, 64, 65, 1000, 4095, 4096, 4097})
  void permutationsHitEveryNumberOnce(long size) {
    for (long seed = 0; seed < 3; seed++) {
      Permutation p = new Permutation(size, seed);
      Set<Long> seen = new HashSet<>();
      for (long i = 0; i < size; i++) {
        seen.add(p.at(i));
      }
      assertThat(seen)
          .as("size %d, seed %d", size, seed)
          .hasSize((int) size)
          .allMatch(x -> x >= 0 && x < size);
    }
  }

  @Test
  void aCorpusSmallerThanAWindowIsRefused() {
    assertThatThrownBy(() -> new Batches(counting(32), 32, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("it has 32 training tokens, a window needs 33");
  }

  /// @param tokens of a window, without its last target
  private static long[] window(Batches batches, int tokens, long index) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(ValueLayout.JAVA_LONG, tokens + 1);
      batches.window(index, segment);
      return segment.toArray(ValueLayout.JAVA_LONG);
    }
  }

  private static TokenStream counting(int tokens) {
    return TokenStream.of(IntStream.range(0, tokens).toArray());
  }

  private static TokenStream constant(int tokens, int id) {
    int[] ids = new int[tokens];
    Arrays.fill(ids, id);
    return TokenStream.of(ids);
  }
}
