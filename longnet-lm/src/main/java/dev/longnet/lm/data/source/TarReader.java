package dev.longnet.lm.data.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/// A .tar, .tar.gz or .tar.zst, in the archive's order (which keeps repositories and packages together). Links and devices
/// inside are never followed or made. Large documents pass through a temporary file, so that they can be judged whole.
final class TarReader implements DocumentReader {
  /// Long names and attributes that precede an entry.
  private static final long MAX_HEADER_BYTES = 4 << 20;

  private final Path path;
  private final String archive;
  private final Admission admission;
  private final Path scratch;
  private GuardedInput input;
  private TarArchiveInputStream tar;
  private Path spooled;
  private boolean ended;

  TarReader(Path path, Admission admission, Path scratch) {
    this.archive = path.getFileName().toString();
    this.admission = admission;
    this.scratch = scratch;
    this.path = path;
  }

  @Override
  public Entry next() throws IOException {
    deleteSpooled();
    while (!ended) {
      String name = archive;
      try {
        TarArchiveEntry entry = nextHeader();
        if (entry == null) {
          ended = true;
          name = "its end";
          return readToTheEnd();
        }
        name = entry.getName();
        Entry result = visit(entry, name);
        if (result != null) {
          return result;
        }
      } catch (IOException | RuntimeException e) {
        ended = true;
        return GuardedInput.rejection(archive + (name.equals(archive) ? "" : " at " + name), e);
      }
    }
    return null;
  }

  private TarArchiveEntry nextHeader() throws IOException {
    if (tar == null) {
      input = GuardedInput.open(path, admission.policy());
      // Blocks of one record: a block larger than the archive's would swallow what follows its end.
      tar = new TarArchiveInputStream(input, 512, 512, "UTF-8");
    }
    // Reaching the next header passes over the rest of the current entry.
    long rest = tar.getCurrentEntry() == null ? 0 : Math.min(tar.getCurrentEntry().getSize(), Long.MAX_VALUE / 2);
    input.allow(rest + MAX_HEADER_BYTES);
    TarArchiveEntry entry = tar.getNextEntry();
    input.allow(Long.MAX_VALUE);
    return entry;
  }

  /// Nothing but zeros follows an archive's end mark, and only the end of the file tells whether its checksum is right.
  private Entry readToTheEnd() throws IOException {
    byte[] rest = new byte[1 << 16];
    boolean zeros = true;
    for (int n = input.read(rest); n >= 0; n = input.read(rest)) {
      for (int i = 0; i < n; i++) {
        zeros &= rest[i] == 0;
      }
    }
    return zeros ? null : new Entry.Rejected(archive, Reason.CORRUPT, "what follows its end mark is not read");
  }

  /// Null for what is no document and needs no mention.
  private Entry visit(TarArchiveEntry entry, String name) throws IOException {
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
      return new Entry.Rejected(name, Reason.UNREADABLE, "a sparse file");
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
      throw new RejectedException(Reason.TRUNCATED, "it ends after " + read + " of " + size + " bytes");
    }
    return new Entry.Text(name, size, () -> new Entry.Loaded(name, bytes));
  }

  private Entry spool(String name, long size) throws IOException {
    Path file = Files.createTempFile(scratch, "large-", ".spool");
    spooled = file;
    long copied;
    try (var out = Files.newOutputStream(file)) {
      copied = tar.transferTo(out);
    }
    if (copied != size) {
      throw new RejectedException(Reason.TRUNCATED, "it ends after " + copied + " of " + size + " bytes");
    }
    return new Entry.Streamed(name, size, false, () -> Files.newInputStream(file));
  }

  private void deleteSpooled() throws IOException {
    if (spooled != null) {
      Files.deleteIfExists(spooled);
      spooled = null;
    }
  }

  @Override
  public double progress() {
    return ended ? 1 : input == null ? 0 : input.progress();
  }

  @Override
  public void close() throws IOException {
    deleteSpooled();
    if (input != null) {
      input.close();
    }
  }
}
