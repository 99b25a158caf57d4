// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.io.SummedInput;
import dev.longnet.core.io.ZipNames;
import java.io.Closeable;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.jspecify.annotations.Nullable;

/// A .zip or .jar: its entries by directory, then name, so that files of one package stay together.
/// Entries are inflated by whichever thread loads them.
final class ZipReader implements DocumentReader {
  /// The JDK keeps the whole directory of a zip on the heap.
  private static final long MAX_DIRECTORY_BYTES = 64L << 20;

  /// Commons keeps more of it.
  private static final long MAX_LENIENT_DIRECTORY_BYTES = 16L << 20;

  /// Ratios below this size are no danger.
  private static final long HARMLESS_BYTES = 64L << 20;

  private final Path path;
  private final Admission admission;
  private final Archive zip;
  private final Iterator<ZipEntry> entries;
  private final long fileBytes;
  private final long totalBytes;
  private long walkedBytes;
  private boolean ended;

  /// What is wrong with the directory as a whole, said after its entries; null: nothing, or said.
  private Entry.@Nullable Rejected flaw;

  /// Loaders that have not run yet.
  private final AtomicInteger outstanding = new AtomicInteger();

  ZipReader(Path path, Admission admission) throws IOException {
    this.path = path;
    this.admission = admission;
    this.fileBytes = Files.size(path);
    ZipEnd end = ZipEnd.of(path);
    if (end.directoryBytes() > MAX_DIRECTORY_BYTES) {
      throw new RejectedException(
          Reason.BOMB, "its directory takes " + end.directoryBytes() + " bytes");
    }
    this.zip = open(path, end);
    try {
      List<ZipEntry> all = zip.entries();
      if ((all.size() & 0xffff) != (end.entries() & 0xffff)) {
        flaw =
            new Entry.Rejected(
                path.getFileName().toString(),
                Reason.CORRUPT,
                "its directory has "
                    + all.size()
                    + " entries, its end record says "
                    + end.entries());
      }
      all.removeIf(e -> e.isDirectory() && e.getSize() <= 0);
      all.sort(
          Comparator.comparing((ZipEntry e) -> directory(e.getName()))
              .thenComparing(ZipEntry::getName));
      this.entries = all.iterator();
      this.totalBytes = all.stream().mapToLong(e -> Math.max(0, e.getSize())).sum();
    } catch (RuntimeException e) {
      zip.close();
      throw new ZipException("its directory can't be read: " + e.getMessage());
    }
  }

  private static Archive open(Path path, ZipEnd end) throws IOException {
    try {
      return new Strict(new ZipFile(path.toFile()));
    } catch (ZipException e) {
      if (!ZipNames.isOfOneEntry(e) || end.directoryBytes() > MAX_LENIENT_DIRECTORY_BYTES) {
        throw e;
      }
      // Names of unknown encoding stay different from each other in Latin-1.
      return new Lenient(
          org.apache.commons.compress.archivers.zip.ZipFile.builder()
              .setPath(path)
              .setCharset(StandardCharsets.ISO_8859_1)
              .setIgnoreLocalFileHeader(true)
              .get());
    } catch (FileSystemException | FileNotFoundException | EOFException e) {
      throw e;
    } catch (IOException e) {
      // The JDK has its own exception for damage.
      throw new RejectedException(Reason.UNREADABLE, GuardedInput.reason(e));
    }
  }

  private sealed interface Archive extends Closeable {
    List<ZipEntry> entries();

    InputStream open(ZipEntry entry) throws IOException;
  }

  private record Strict(ZipFile zip) implements Archive {
    @Override
    public List<ZipEntry> entries() {
      List<ZipEntry> all = new ArrayList<>();
      zip.stream().forEach(all::add);
      return all;
    }

    @Override
    public InputStream open(ZipEntry entry) throws IOException {
      return zip.getInputStream(entry);
    }

    @Override
    public void close() throws IOException {
      zip.close();
    }
  }

  /// The JDK refuses a whole archive for an entry that is encrypted, compressed by another method
  /// or not named in UTF-8; Commons leaves that to the reader of the entry.
  private record Lenient(org.apache.commons.compress.archivers.zip.ZipFile zip) implements Archive {
    @Override
    public List<ZipEntry> entries() {
      return new ArrayList<>(Collections.list(zip.getEntries()));
    }

    /// Finding an entry moves through the file; reading it does not.
    @Override
    public synchronized InputStream open(ZipEntry entry) throws IOException {
      try {
        return zip.getInputStream((ZipArchiveEntry) entry);
      } catch (IOException | RuntimeException e) { // an entry that lies where none can be
        throw new ZipException(String.valueOf(e.getMessage()));
      }
    }

    @Override
    public void close() throws IOException {
      zip.close();
    }
  }

  @Override
  public @Nullable Entry next() {
    if (ended || !entries.hasNext()) {
      Entry last = flaw;
      flaw = null;
      return last;
    }
    ZipEntry entry = entries.next();
    String name = entry.getName();
    if (Names.isUnsafe(name)) {
      return new Entry.Rejected(name, Reason.UNSAFE_NAME, "not read");
    }
    if (entry.isDirectory()) {
      return new Entry.Rejected(
          name, Reason.CORRUPT, "a directory with " + entry.getSize() + " bytes of content");
    }
    if (admission.leavesOut(name)) {
      return new Entry.Rejected(name, Reason.FILTERED, "");
    }
    if (zip instanceof Strict strict && ZipNames.isAnothers(strict.zip, entry)) {
      return new Entry.Rejected(name, Reason.UNREADABLE, ZipNames.WHY);
    }
    if (entry instanceof ZipArchiveEntry e && e.getGeneralPurposeBit().usesEncryption()) {
      return new Entry.Rejected(name, Reason.UNSUPPORTED, "encrypted");
    }
    if (entry.getMethod() != ZipEntry.STORED && entry.getMethod() != ZipEntry.DEFLATED) {
      return new Entry.Rejected(
          name, Reason.UNSUPPORTED, "compressed by method " + entry.getMethod());
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
          name,
          Reason.BOMB,
          entry.getCompressedSize() + " bytes expand to " + size + ", max_ratio=" + maxRatio);
    }
    // Entries may share compressed bytes: the sum counts too.
    walkedBytes += size;
    if (walkedBytes > admission.policy().maxArchiveBytes()
        || walkedBytes > HARMLESS_BYTES && walkedBytes / maxRatio > fileBytes) {
      ended = true;
      return new Entry.Rejected(
          name,
          Reason.BOMB,
          "the archive expands from "
              + fileBytes
              + " to more than "
              + walkedBytes
              + " bytes; its rest is not read");
    }
    if (size > Entry.WHOLE_BYTES) {
      return new Entry.Streamed(name, size, false, () -> open(entry));
    }
    outstanding.incrementAndGet();
    return new Entry.Text(name, size, new EntryLoader(entry));
  }

  private final class EntryLoader implements Entry.Loader {
    private final ZipEntry entry;

    EntryLoader(ZipEntry entry) {
      this.entry = entry;
    }

    @Override
    public Entry.Loaded load() throws IOException {
      try {
        return new Entry.Loaded(entry.getName(), ZipReader.this.load(entry));
      } finally {
        outstanding.decrementAndGet();
      }
    }

    @Override
    public void discard() {
      outstanding.decrementAndGet();
    }
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
            Reason.CORRUPT,
            "it holds " + (read < size ? read : "more than " + size) + " bytes, not " + size);
      }
      return bytes;
    } catch (ZipException | EOFException e) {
      throw new RejectedException(Reason.CORRUPT, String.valueOf(e.getMessage()));
    }
  }

  private InputStream open(ZipEntry entry) throws IOException {
    InputStream in = zip.open(entry);
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
}
