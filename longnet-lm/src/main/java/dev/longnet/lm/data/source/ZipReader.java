package dev.longnet.lm.data.source;

import dev.longnet.lm.io.SummedInput;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/// A .zip or .jar: its entries by directory, then name, so that files of one package stay together. Entries are inflated
/// by whichever thread loads them.
final class ZipReader implements DocumentReader {
  /// The JDK keeps the whole directory of a zip on the heap.
  private static final long MAX_DIRECTORY_BYTES = 64L << 20;

  /// Ratios below this size are no danger.
  private static final long HARMLESS_BYTES = 64L << 20;

  private final Path path;
  private final Admission admission;
  private final ZipFile zip;
  private final Iterator<ZipEntry> entries;
  private final long fileBytes;
  private final long totalBytes;
  private long walkedBytes;
  private boolean bomb;

  /// Loaders that have not run yet.
  private final AtomicInteger outstanding = new AtomicInteger();

  ZipReader(Path path, Admission admission) throws IOException {
    this.path = path;
    this.admission = admission;
    this.fileBytes = Files.size(path);
    refuseHugeDirectory(path);
    this.zip = new ZipFile(path.toFile());
    try {
      List<ZipEntry> all = new ArrayList<>();
      zip.stream().filter(e -> !e.isDirectory()).forEach(all::add);
      all.sort(Comparator.comparing((ZipEntry e) -> directory(e.getName())).thenComparing(ZipEntry::getName));
      this.entries = all.iterator();
      this.totalBytes = all.stream().mapToLong(e -> Math.max(0, e.getSize())).sum();
    } catch (RuntimeException e) {
      zip.close();
      throw new ZipException("its directory can't be read: " + e.getMessage());
    }
  }

  @Override
  public Entry next() {
    if (bomb || !entries.hasNext()) {
      return null;
    }
    ZipEntry entry = entries.next();
    String name = entry.getName();
    if (Names.isUnsafe(name)) {
      return new Entry.Rejected(name, Reason.UNSAFE_NAME, "not read");
    }
    if (admission.leavesOut(name)) {
      return new Entry.Rejected(name, Reason.FILTERED, "");
    }
    long size = entry.getSize();
    if (size < 0) {
      return new Entry.Rejected(name, Reason.CORRUPT, "its size is not known");
    }
    Optional<Entry.Rejected> rejected = admission.rejectBySize(name, size);
    if (rejected.isPresent()) {
      return rejected.get();
    }
    int maxRatio = admission.policy().maxRatio();
    if (size > Names.HARMLESS_ENTRY_BYTES && size / maxRatio > entry.getCompressedSize()) {
      return new Entry.Rejected(
          name, Reason.BOMB, entry.getCompressedSize() + " bytes expand to " + size + ", max_ratio=" + maxRatio);
    }
    // Entries may share compressed bytes: the sum counts too.
    walkedBytes += size;
    if (walkedBytes > admission.policy().maxArchiveBytes()
        || walkedBytes > HARMLESS_BYTES && walkedBytes / maxRatio > fileBytes) {
      bomb = true;
      return new Entry.Rejected(
          name, Reason.BOMB, "the archive expands from " + fileBytes + " to more than " + walkedBytes + " bytes; its rest is not read");
    }
    if (size > Entry.WHOLE_BYTES) {
      return new Entry.Streamed(name, size, false, () -> open(entry));
    }
    outstanding.incrementAndGet();
    return new Entry.Text(
        name,
        size,
        () -> {
          try {
            return new Entry.Loaded(name, load(entry));
          } finally {
            outstanding.decrementAndGet();
          }
        });
  }

  @Override
  public boolean isIdle() {
    return outstanding.get() == 0;
  }

  private byte[] load(ZipEntry entry) throws IOException {
    try (InputStream in = open(entry)) {
      int size = (int) entry.getSize();
      byte[] bytes = new byte[size];
      int read = in.readNBytes(bytes, 0, size);
      if (read < size || in.read() >= 0) {
        throw new RejectedException(
            Reason.CORRUPT, "it holds " + (read < size ? read : "more than " + size) + " bytes, not " + size);
      }
      return bytes;
    } catch (ZipException | EOFException e) {
      throw new RejectedException(Reason.CORRUPT, String.valueOf(e.getMessage()));
    }
  }

  private InputStream open(ZipEntry entry) throws IOException {
    InputStream in = zip.getInputStream(entry);
    if (in == null) {
      throw new RejectedException(Reason.CORRUPT, "it vanished from " + path);
    }
    return new SummedInput(in, entry.getCrc());
  }

  private static String directory(String name) {
    return name.substring(0, name.lastIndexOf('/') + 1);
  }

  @Override
  public double progress() {
    return totalBytes == 0 ? 1 : Math.min(1, walkedBytes / (double) totalBytes);
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }

  private static void refuseHugeDirectory(Path path) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "r")) {
      int tail = (int) Math.min(file.length(), 65_557);
      byte[] bytes = new byte[tail];
      file.seek(file.length() - tail);
      file.readFully(bytes);
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = tail - 22; i >= 0; i--) {
        if (buffer.getInt(i) == 0x06054b50) {
          long entriesBytes = Integer.toUnsignedLong(buffer.getInt(i + 12));
          // 0xffffffff: zip64, whose directory starts where the file's size less the tail allows.
          if (entriesBytes != 0xffff_ffffL && entriesBytes > MAX_DIRECTORY_BYTES) {
            throw new RejectedException(Reason.BOMB, "its directory takes " + entriesBytes + " bytes");
          }
          return;
        }
      }
    }
  }
}
