// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.Arrays;
import java.util.Collection;

/// Some positions of a sequence, rising, each once.
public final class Positions {
  static final Positions NONE = new Positions(new long[0]);

  private final long[] positions;

  private Positions(long[] positions) {
    this.positions = positions;
  }

  /// The positions of rows that may share some.
  static Positions union(Collection<Rows> rows) {
    int count = Math.toIntExact(rows.stream().mapToLong(Rows::count).sum());
    long[] all = new long[count];
    int at = 0;
    for (Rows some : rows) {
      for (long i = 0; i < some.count(); i++) {
        all[at++] = some.position(i);
      }
    }
    if (rows.size() < 2) {
      return new Positions(all);
    }
    Arrays.sort(all);
    int distinct = 0;
    for (int i = 0; i < count; i++) {
      if (i == 0 || all[i] != all[i - 1]) {
        all[distinct++] = all[i];
      }
    }
    return new Positions(Arrays.copyOf(all, distinct));
  }

  /// Positions of which each list's lie behind those of the list before.
  static Positions joined(Collection<Positions> lists) {
    return new Positions(
        lists.stream().flatMapToLong(list -> Arrays.stream(list.positions)).toArray());
  }

  public int count() {
    return positions.length;
  }

  /// Position number `index`.
  public long at(int index) {
    return positions[index];
  }

  /// The numbers of these rows' positions.
  ///
  /// @throws IllegalArgumentException when a row's position is missing
  int[] numbers(Rows rows) {
    int[] numbers = new int[Math.toIntExact(rows.count())];
    int at = 0;
    for (int i = 0; i < numbers.length; i++) {
      at = Arrays.binarySearch(positions, at, positions.length, rows.position(i));
      if (at < 0) {
        throw new IllegalArgumentException("no position " + rows.position(i) + " of " + rows);
      }
      numbers[i] = at;
    }
    return numbers;
  }
}
