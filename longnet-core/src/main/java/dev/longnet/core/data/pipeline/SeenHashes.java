// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The content hashes met so far: an open-addressing table outside the heap, 16 bytes a slot, at
/// most half full. One thread adds; any thread may ask, and learns of what was added before.
final class SeenHashes implements AutoCloseable {
  private Arena arena;
  private MemorySegment table;
  private long slots;
  private long size;

  SeenHashes() {
    allocate(1 << 12);
  }

  private void allocate(long slots) {
    this.arena = Arena.ofShared();
    this.slots = slots;
    this.table = arena.allocate(slots * 16, 8);
  }

  synchronized boolean contains(ContentHash hash) {
    return isPresent(slot(table, slots, hash.hash0(), hash.hash1()));
  }

  /// @return whether it was new
  synchronized boolean add(ContentHash hash) {
    long slot = slot(table, slots, hash.hash0(), hash.hash1());
    if (isPresent(slot)) {
      return false;
    }
    put(table, slot, hash.hash0(), hash.hash1());
    if (++size * 2 > slots) {
      grow();
    }
    return true;
  }

  private boolean isPresent(long slot) {
    return table.getAtIndex(ValueLayout.JAVA_LONG, slot * 2) != 0
        || table.getAtIndex(ValueLayout.JAVA_LONG, slot * 2 + 1) != 0;
  }

  private void grow() {
    Arena oldArena = arena;
    MemorySegment old = table;
    long oldSlots = slots;
    allocate(slots * 2);
    for (long i = 0; i < oldSlots; i++) {
      long a = old.getAtIndex(ValueLayout.JAVA_LONG, i * 2);
      long b = old.getAtIndex(ValueLayout.JAVA_LONG, i * 2 + 1);
      if (a != 0 || b != 0) {
        put(table, slot(table, slots, a, b), a, b);
      }
    }
    oldArena.close();
  }

  /// Where a hash is, or the empty slot where it would be. (The all-zero hash marks an empty slot:
  /// SHA-256 does not produce it in practice.)
  private static long slot(MemorySegment table, long slots, long a, long b) {
    long mask = slots - 1;
    for (long i = a & mask; ; i = i + 1 & mask) {
      long x = table.getAtIndex(ValueLayout.JAVA_LONG, i * 2);
      long y = table.getAtIndex(ValueLayout.JAVA_LONG, i * 2 + 1);
      if (x == a && y == b || x == 0 && y == 0) {
        return i;
      }
    }
  }

  private static void put(MemorySegment table, long slot, long a, long b) {
    table.setAtIndex(ValueLayout.JAVA_LONG, slot * 2, a);
    table.setAtIndex(ValueLayout.JAVA_LONG, slot * 2 + 1, b);
  }

  @Override
  public synchronized void close() {
    arena.close();
  }
}
