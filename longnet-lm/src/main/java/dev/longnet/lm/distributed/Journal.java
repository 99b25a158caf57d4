// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The last operations of one rank in one group, for the others to compare with theirs.
final class Journal {
  private static final int KEPT = 16;

  /// @param sends bytes for each rank
  /// @param receives bytes of each rank
  record Entry(long number, Kind kind, long[] sends, long[] receives) {}

  private final ArrayDeque<Entry> last = new ArrayDeque<>();
  private boolean changed;

  synchronized void add(Entry entry) {
    if (last.size() == KEPT) {
      last.removeFirst();
    }
    last.addLast(entry);
    changed = true;
  }

  /// What others should see, if it changed since the last call.
  synchronized Optional<byte[]> news() {
    if (!changed) {
      return Optional.empty();
    }
    changed = false;
    int ranks = last.getFirst().sends().length;
    ByteBuffer buffer = ByteBuffer.allocate(4 + last.size() * (9 + 16 * ranks));
    buffer.putInt(ranks);
    for (Entry entry : last) {
      buffer.putLong(entry.number()).put((byte) entry.kind().code);
      for (int i = 0; i < ranks; i++) {
        buffer.putLong(entry.sends()[i]).putLong(entry.receives()[i]);
      }
    }
    return Optional.of(buffer.array());
  }

  synchronized Optional<Entry> entry(long number) {
    return last.stream().filter(e -> e.number() == number).findFirst();
  }

  static List<Entry> decoded(byte[] news) {
    ByteBuffer buffer = ByteBuffer.wrap(news);
    int ranks = buffer.getInt();
    List<Entry> entries = new ArrayList<>();
    while (buffer.hasRemaining()) {
      long number = buffer.getLong();
      Kind kind = Kind.of(buffer.get());
      long[] sends = new long[ranks];
      long[] receives = new long[ranks];
      for (int i = 0; i < ranks; i++) {
        sends[i] = buffer.getLong();
        receives[i] = buffer.getLong();
      }
      entries.add(new Entry(number, kind, sends, receives));
    }
    return entries;
  }
}
