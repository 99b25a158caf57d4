// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.io.EnvironmentException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.compress.archivers.tar.TarUtils;
import org.jspecify.annotations.Nullable;

/// A tar, plain or packed, in the archive's order (which keeps repositories and packages together),
/// and the archives that follow its end mark (`cat a.tar b.tar`). Links and devices inside are
/// never followed or made. Large documents pass through a temporary file, so that they can be
/// judged whole.
final class TarReader implements DocumentReader {
  private static final int RECORD_BYTES = 512;
  private static final int TYPE_OFFSET = 156;

  /// A directory with the names of its files, of an incremental backup (`tar -g`).
  private static final byte GNU_LISTING = 'D';

  /// Long names and attributes that precede an entry. Commons reads each by a recursive call.
  private static final long MAX_HEADER_BYTES = 1 << 20;

  /// Attributes for all that follows, which Commons keeps; git writes one.
  private static final int MAX_GLOBAL_HEADERS = 64;

  private final Path path;
  private final Reading reading;
  private final String archive;
  private final Admission admission;
  private final Path scratch;

  // Opened by the first call of next().
  private @Nullable GuardedInput input;

  @SuppressWarnings("NullAway.Init")
  private PushbackInputStream records;

  @SuppressWarnings("NullAway.Init")
  private Archive tar;

  /// Of the current entry.
  private long unreadBytes;

  private @Nullable Spool spooled;
  private boolean ended;

  TarReader(Path path, Reading reading, Admission admission, Path scratch) {
    this.reading = reading;
    this.archive = path.getFileName().toString();
    this.admission = admission;
    this.scratch = scratch;
    this.path = path;
  }

  @Override
  public @Nullable Entry next() throws IOException {
    deleteSpooled();
    while (!ended) {
      String name = archive;
      try {
        TarArchiveEntry entry = nextHeader();
        if (entry == null) {
          name = "its end";
          Entry rejected = atEnd();
          if (rejected != null) {
            return rejected;
          }
          continue;
        }
        name = entry.getName();
        Entry result = visit(entry, name);
        if (result != null) {
          return result;
        }
      } catch (EnvironmentException e) {
        throw e;
      } catch (IOException | RuntimeException e) {
        ended = true;
        return GuardedInput.rejection(archive + (name.equals(archive) ? "" : " at " + name), e);
      } catch (StackOverflowError e) {
        ended = true;
        return new Entry.Rejected(
            archive, Reason.CORRUPT, "too many headers precede an entry; its rest is not read");
      }
    }
    return null;
  }

  private @Nullable TarArchiveEntry nextHeader() throws IOException {
    if (input == null) {
      input = GuardedInput.open(path, reading, admission.policy());
      records = new PushbackInputStream(input, RECORD_BYTES);
      tar = new Archive(records);
    }
    // Reaching the next header passes over the rest of the current entry.
    input.allow(Math.min(unreadBytes, Long.MAX_VALUE / 2) + MAX_HEADER_BYTES);
    TarArchiveEntry entry = tar.getNextEntry();
    input.allow(Long.MAX_VALUE);
    unreadBytes = entry == null ? 0 : entry.getSize();
    if (entry != null && entry.isDirectory() && entry.getLinkFlag() == GNU_LISTING) {
      // Commons takes the names that follow for the next header.
      records.skipNBytes((unreadBytes + RECORD_BYTES - 1) / RECORD_BYTES * RECORD_BYTES);
      unreadBytes = 0;
    }
    if (entry != null && !entry.isCheckSumOK()) {
      throw new RejectedException(
          Reason.CORRUPT, "a header's checksum is wrong; its rest is not read");
    }
    return entry;
  }

  /// What follows the last entry: an end mark and zeros, then perhaps another archive, whose
  /// entries are next. Only the end of the file tells whether a compressed one's checksum is right.
  private @Nullable Entry atEnd() throws IOException {
    ended = true;
    if (!tar.hasEndMark) {
      return new Entry.Rejected(archive, Reason.TRUNCATED, "it has no end mark");
    }
    byte[] record = tar.following;
    while (isZero(record)) {
      record = records.readNBytes(RECORD_BYTES);
      if (record.length == 0) {
        return null;
      }
    }
    if (!isHeader(record)) {
      return new Entry.Rejected(archive, Reason.CORRUPT, "what follows its end mark is not read");
    }
    records.unread(record);
    tar = new Archive(records);
    ended = false;
    return null;
  }

  private static boolean isHeader(byte[] record) {
    try {
      return record.length == RECORD_BYTES && TarUtils.verifyCheckSum(record);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static boolean isZero(byte[] bytes) {
    for (byte b : bytes) {
      if (b != 0) {
        return false;
      }
    }
    return true;
  }

  /// Sees every header. Tells an archive's end mark from the end of the file, which Commons does
  /// not.
  private static final class Archive extends TarArchiveInputStream {
    private boolean hasEndMark;
    private int globalHeaders;

    /// The record after the mark's first, which Commons reads whatever it is.
    private byte[] following = {};

    Archive(InputStream in) {
      // Blocks of one record: a block larger than the archive's would swallow what follows its end.
      super(in, RECORD_BYTES, RECORD_BYTES, "UTF-8");
    }

    @Override
    protected boolean isEOFRecord(byte[] record) {
      boolean end = super.isEOFRecord(record);
      if (hasEndMark && record != null) {
        following = record.clone();
      }
      hasEndMark |= end && record != null;
      if (!end
          && record[TYPE_OFFSET] == TarConstants.LF_PAX_GLOBAL_EXTENDED_HEADER
          && ++globalHeaders > MAX_GLOBAL_HEADERS) {
        throw new IllegalStateException(
            "it has more than " + MAX_GLOBAL_HEADERS + " global headers");
      }
      return end;
    }
  }

  /// Null for what is no document and needs no mention.
  private @Nullable Entry visit(TarArchiveEntry entry, String name) throws IOException {
    if (Names.isUnsafe(name)) {
      return new Entry.Rejected(name, Reason.UNSAFE_NAME, "not read");
    }
    if (entry.isDirectory()) {
      return null;
    }
    if (entry.isSymbolicLink() || entry.isLink()) {
      return new Entry.Rejected(name, Reason.LINK, "to " + entry.getLinkName());
    }
    if (!entry.isFile() || entry.isCharacterDevice() || entry.isBlockDevice() || entry.isFIFO()) {
      return new Entry.Rejected(name, Reason.NOT_A_FILE, "type " + (char) entry.getLinkFlag());
    }
    if (admission.leavesOut(name)) {
      return new Entry.Rejected(name, Reason.FILTERED, "");
    }
    if (entry.isSparse()) {
      return new Entry.Rejected(name, Reason.UNSUPPORTED, "a sparse file");
    }
    long size = entry.getSize();
    Optional<Entry.Rejected> rejected = admission.rejectBySize(name, size);
    if (rejected.isPresent()) {
      return rejected.get();
    }
    if (size > Entry.WHOLE_BYTES) {
      return spool(name, size);
    }
    byte[] bytes = new byte[(int) size];
    int read = tar.readNBytes(bytes, 0, bytes.length);
    if (read != size) {
      throw new RejectedException(
          Reason.TRUNCATED, "it ends after " + read + " of " + size + " bytes");
    }
    unreadBytes = 0;
    return new Entry.Text(name, size, () -> new Entry.Loaded(name, bytes));
  }

  /// What can't be written is the machine's failure and ends the run; what can't be read is the
  /// archive's.
  private Entry spool(String name, long size) throws IOException {
    Spool file = new Spool(scratch, "large documents of a .tar");
    spooled = file;
    long copied = 0;
    byte[] buffer = new byte[1 << 16];
    for (int n = tar.read(buffer); n >= 0; n = tar.read(buffer)) {
      file.write(buffer, n);
      copied += n;
    }
    if (copied != size) {
      throw new RejectedException(
          Reason.TRUNCATED, "it ends after " + copied + " of " + size + " bytes");
    }
    unreadBytes = 0;
    return new Entry.Streamed(name, size, false, file::open);
  }

  private void deleteSpooled() throws IOException {
    if (spooled != null) {
      spooled.close();
      spooled = null;
    }
  }

  @Override
  public double progress() {
    return ended ? 1 : input == null ? 0 : input.progress();
  }

  @Override
  public void close() throws IOException {
    try (InputStream _ = input) {
      deleteSpooled();
    }
  }
}
