// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.RowExchange.Pending;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// What every kind of group must do. Each rank runs the same script with the same seed, knows what
/// the others pass in, and checks what it receives.
final class CollectivesScript {
  private final Collectives group;
  private final long seed;

  CollectivesScript(Collectives group, long seed) {
    this.group = group;
    this.seed = seed;
  }

  /// Runs all of it.
  ///
  /// @return a hash of this rank's sums of floats
  int run() {
    exchange(0, 1);
    exchange(1, 3);
    int hash = sums(1_003);
    hash = 31 * hash + sums(3);
    gathers();
    numbers();
    words();
    splits();
    return hash;
  }

  /// The bytes that a rank sends to another.
  private byte[] letter(int exchange, int from, int to) {
    Random random = new Random(seed + 1_000_003L * exchange + 1_009L * from + to);
    byte[] bytes = new byte[random.nextInt(4) == 0 ? 0 : random.nextInt(5_000)];
    random.nextBytes(bytes);
    return bytes;
  }

  /// Several exchanges, started one after another before the first is awaited.
  private void exchange(int first, int count) {
    int rank = group.rank();
    int size = group.size();
    try (Arena arena = Arena.ofShared()) {
      List<Pending> pending = new ArrayList<>();
      List<MemorySegment> received = new ArrayList<>();
      for (int e = first; e < first + count; e++) {
        long[] sendBytes = new long[size];
        long[] receiveBytes = new long[size];
        MemorySegment send = arena.allocate(5_000L * size);
        long at = 0;
        for (int i = 0; i < size; i++) {
          byte[] letter = letter(e, rank, i);
          MemorySegment.copy(letter, 0, send, ValueLayout.JAVA_BYTE, at, letter.length);
          sendBytes[i] = letter.length;
          at += letter.length;
          receiveBytes[i] = letter(e, i, rank).length;
        }
        MemorySegment receive = arena.allocate(Arrays.stream(receiveBytes).sum());
        received.add(receive);
        pending.add(group.start(send, sendBytes, receive, receiveBytes));
      }
      for (int e = 0; e < count; e++) {
        pending.get(e).await();
        pending.get(e).await(); // a second call does nothing
        long at = 0;
        for (int i = 0; i < size; i++) {
          byte[] letter = letter(first + e, i, rank);
          assertThat(received.get(e).asSlice(at, letter.length).toArray(ValueLayout.JAVA_BYTE))
              .as("seed %d, exchange %d, from %d to %d", seed, first + e, i, rank)
              .isEqualTo(letter);
          at += letter.length;
        }
      }
    }
  }

  /// Bounds of uneven ranges, some of them empty.
  private long[] bounds(int elements) {
    Random random = new Random(seed + elements);
    long[] bounds = new long[group.size() + 1];
    for (int i = 1; i < group.size(); i++) {
      bounds[i] = random.nextInt(elements + 1);
    }
    bounds[group.size()] = elements;
    Arrays.sort(bounds);
    return bounds;
  }

  private float[] values(int elements, int rank) {
    Random random = new Random(seed + 17L * elements + rank);
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(6)));
    }
    return values;
  }

  private int sums(int elements) {
    int size = group.size();
    long[] bounds = bounds(elements);
    float[][] all = new float[size][];
    for (int i = 0; i < size; i++) {
      all[i] = values(elements, i);
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment floats = arena.allocate(4L * elements, 64);
      floats.copyFrom(MemorySegment.ofArray(all[group.rank()]));
      group.reduceScatter(floats, bounds);
      int hash = 0;
      for (long i = bounds[group.rank()]; i < bounds[group.rank() + 1]; i++) {
        float sum = floats.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        assertThat(sum).as("seed %d, element %d", seed, i).isEqualTo(tree(all, (int) i, 0, size));
        hash = 31 * hash + Float.floatToRawIntBits(sum);
      }
      return hash;
    }
  }

  /// Splits ranks into a whole power of two and the rest: an independent way to say the tree.
  private static float tree(float[][] all, int element, int from, int to) {
    if (to - from == 1) {
      return all[from][element];
    }
    int left = Integer.highestOneBit(to - from - 1);
    return tree(all, element, from, from + left) + tree(all, element, from + left, to);
  }

  private void gathers() {
    int elements = 501;
    long[] bounds = bounds(elements);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate(4L * elements, 64);
      float[] own = values(elements, group.rank());
      for (long i = bounds[group.rank()]; i < bounds[group.rank() + 1]; i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, own[(int) i]);
      }
      group.allGather(data, 4, bounds);
      for (int r = 0; r < group.size(); r++) {
        float[] theirs = values(elements, r);
        for (long i = bounds[r]; i < bounds[r + 1]; i++) {
          assertThat(data.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(theirs[(int) i]);
        }
      }
    }
  }

  private void numbers() {
    double[] values = new double[group.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = new Random(seed + i).nextGaussian();
    }
    assertThat(group.sum(values[group.rank()])).isEqualTo(tree(values, 0, values.length));
    group.barrier();
  }

  private static double tree(double[] values, int from, int to) {
    if (to - from == 1) {
      return values[from];
    }
    int left = Integer.highestOneBit(to - from - 1);
    return tree(values, from, from + left) + tree(values, from + left, to);
  }

  private void words() {
    byte[] own = new byte[group.rank() * 100];
    Arrays.fill(own, (byte) (group.rank() + 1));
    List<byte[]> all = group.gather(own);
    assertThat(all).hasSize(group.size());
    for (int i = 0; i < all.size(); i++) {
      byte[] expected = new byte[i * 100];
      Arrays.fill(expected, (byte) (i + 1));
      assertThat(all.get(i)).isEqualTo(expected);
    }
  }

  /// Even and odd ranks, which work at the same time, then all again.
  private void splits() {
    try (Collectives part = group.split(group.rank() % 2)) {
      int size = (group.size() + 1 - group.rank() % 2) / 2;
      assertThat(part.size()).isEqualTo(size);
      assertThat(part.rank()).isEqualTo(group.rank() / 2);
      double expected = 0;
      for (int i = group.rank() % 2; i < group.size(); i += 2) {
        expected += i;
      }
      assertThat(part.sum(group.rank())).isEqualTo(expected);
    }
    assertThat(group.sum(1)).isEqualTo(group.size());
  }
}
