// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Finds documents much like an earlier one: signatures are cut into bands, a document that shares
/// a whole band with an earlier one is compared with it (locality-sensitive hashing; Leskovec et
/// al., Mining of Massive Datasets, ch. 3). Signatures lie in a file (512 bytes a document), bands
/// in native memory (at most 1 KiB a document). One thread.
final class NearDuplicates implements AutoCloseable {
  private static final String FILE = "minhash.tmp";
  private static final int SIGNATURE_BYTES = MinHash.SIZE * 4;

  private final double similarity;

  /// 8 rows a band find similarities from 0.7 on, 4 rows from 0.45 on.
  private final int rows;

  private final Path file;
  private final FileChannel signatures;
  private long size;
  private Arena arena;
  private MemorySegment table;
  private long slots;
  private long used;

  NearDuplicates(Path directory, double similarity) throws IOException {
    this.similarity = similarity;
    this.rows = similarity >= 0.7 ? 8 : 4;
    this.file = directory.resolve(FILE);
    this.signatures =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    allocate(1 << 14);
  }

  /// Takes up the signatures an earlier run wrote.
  void remember(long count) throws IOException {
    if (signatures.size() < count * SIGNATURE_BYTES) {
      throw new IOException(file + " lost signatures; delete the directory it is in to start anew");
    }
    for (; size < count; size++) {
      insert(read(size), size);
    }
  }

  long size() {
    return size;
  }

  /// @return whether no earlier document is as similar; if so, this one counts from now on
  boolean add(int[] signature) throws IOException {
    for (int band = 0; band < MinHash.SIZE / rows; band++) {
      long slot = slot(table, slots, key(signature, band));
      long document = table.getAtIndex(ValueLayout.JAVA_LONG, slot * 2 + 1);
      if (table.getAtIndex(ValueLayout.JAVA_LONG, slot * 2) != 0
          && MinHash.similarity(signature, read(document)) >= similarity) {
        return false;
      }
    }
    ByteBuffer bytes = ByteBuffer.allocate(SIGNATURE_BYTES);
    bytes.asIntBuffer().put(signature);
    while (bytes.hasRemaining()) {
      signatures.write(bytes, size * SIGNATURE_BYTES + bytes.position());
    }
    insert(signature, size++);
    return true;
  }

  private int[] read(long document) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(SIGNATURE_BYTES);
    while (bytes.hasRemaining()) {
      if (signatures.read(bytes, document * SIGNATURE_BYTES + bytes.position()) < 0) {
        throw new IOException(file + " is shorter than it was written");
      }
    }
    int[] signature = new int[MinHash.SIZE];
    bytes.flip().asIntBuffer().get(signature);
    return signature;
  }

  private void insert(int[] signature, long document) {
    for (int band = 0; band < MinHash.SIZE / rows; band++) {
      long key = key(signature, band);
      long slot = slot(table, slots, key);
      if (table.getAtIndex(ValueLayout.JAVA_LONG, slot * 2) != 0) {
        continue;
      }
      put(table, slot, key, document);
      if (++used * 2 > slots) {
        grow();
      }
    }
  }

  private long key(int[] signature, int band) {
    long hash = band + 1L;
    for (int i = band * rows; i < (band + 1) * rows; i++) {
      hash = (hash ^ signature[i]) * 0x9E3779B97F4A7C15L;
      hash ^= hash >>> 29;
    }
    return hash == 0 ? 1 : hash;
  }

  private void allocate(long slots) {
    Arena room = Arena.ofShared();
    this.table = room.allocate(slots * 16, 8);
    this.arena = room;
    this.slots = slots;
  }

  private void grow() {
    Arena oldArena = arena;
    MemorySegment old = table;
    long oldSlots = slots;
    allocate(slots * 2);
    for (long i = 0; i < oldSlots; i++) {
      long key = old.getAtIndex(ValueLayout.JAVA_LONG, i * 2);
      if (key != 0) {
        put(table, slot(table, slots, key), key, old.getAtIndex(ValueLayout.JAVA_LONG, i * 2 + 1));
      }
    }
    oldArena.close();
  }

  /// Where a key is, or the empty slot (key 0) where it would be.
  private static long slot(MemorySegment table, long slots, long key) {
    long i = key & slots - 1;
    while (true) {
      long there = table.getAtIndex(ValueLayout.JAVA_LONG, i * 2);
      if (there == key || there == 0) {
        return i;
      }
      i = i + 1 & slots - 1;
    }
  }

  private static void put(MemorySegment table, long slot, long key, long document) {
    table.setAtIndex(ValueLayout.JAVA_LONG, slot * 2, key);
    table.setAtIndex(ValueLayout.JAVA_LONG, slot * 2 + 1, document);
  }

  static boolean isFile(Path file) {
    return file.getFileName().toString().equals(FILE);
  }

  @Override
  public void close() throws IOException {
    try (signatures) {
      arena.close();
    }
  }
}
