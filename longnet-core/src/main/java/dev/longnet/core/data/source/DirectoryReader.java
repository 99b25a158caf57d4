// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A directory's files, in the order of [DirectoryWalk]: each a document, or a table of them.
final class DirectoryReader implements DocumentReader {
  private final DirectoryWalk walk;
  private final Admission admission;
  private final Door door;
  private final long totalBytes;
  private long walkedBytes;

  /// A file that is no plain text, under way.
  private @Nullable DocumentReader current;

  private long currentBytes;
  private Container container = Container.NONE;

  /// @param totalBytes what [#state] counted, for progress
  DirectoryReader(Path root, Admission admission, Door door, long totalBytes) throws IOException {
    this.walk = new DirectoryWalk(root);
    this.admission = admission;
    this.door = door;
    this.totalBytes = totalBytes;
  }

  @Override
  public @Nullable Entry next() throws IOException {
    while (true) {
      if (current != null) {
        Entry entry = current.next();
        if (entry != null) {
          return entry;
        }
        // No loader of what is read here needs its reader open.
        current.close();
        current = null;
        walkedBytes += currentBytes;
      }
      DirectoryWalk.Found found = walk.next();
      if (found == null) {
        return null;
      }
      Entry entry = visit(found);
      if (entry != null) {
        return entry;
      }
    }
  }

  /// Null where the entries of `current` come next.
  private @Nullable Entry visit(DirectoryWalk.Found found) {
    if (found.reason() != null && found.reason() != Reason.NOT_A_FILE) {
      return found.rejected();
    }
    boolean leftOut = admission.leavesOut(found.name());
    // Where rows have names, nobody asks for the name of the file that they are in.
    if (leftOut && (found.reason() != null || !door.rowsHaveNames())) {
      return new Entry.Rejected(found.name(), Reason.FILTERED, "");
    }
    if (found.reason() != null) {
      return found.rejected();
    }
    try {
      Reading reading = door.look(found.path(), Door.Found.IN_FOLDER);
      if (leftOut && !reading.isRows()) {
        return new Entry.Rejected(found.name(), Reason.FILTERED, "");
      }
      container = Container.of(reading, found.name());
      if (reading.isRaw()) {
        door.count(reading);
        return document(found.path(), found.name(), found.size());
      }
      current = door.open(found.path(), reading, found.name(), Door.Found.IN_FOLDER);
      currentBytes = found.size();
      return null;
    } catch (IOException e) {
      return leftOut
          ? new Entry.Rejected(found.name(), Reason.FILTERED, "")
          : GuardedInput.rejection(found.name(), e);
    }
  }

  private Entry document(Path path, String name, long size) {
    walkedBytes += size;
    Optional<Entry.Rejected> rejected = admission.rejectBySize(name, size);
    if (rejected.isPresent()) {
      return rejected.get();
    }
    if (size > Entry.WHOLE_BYTES) {
      return new Entry.Streamed(name, size, false, () -> Files.newInputStream(path));
    }
    return new Entry.Text(name, size, () -> new Entry.Loaded(name, load(path, size)));
  }

  static byte[] load(Path path, long size) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      byte[] bytes = in.readNBytes((int) size + 1);
      if (bytes.length != size) {
        throw new RejectedException(Reason.UNREADABLE, "its size changed while it was read");
      }
      return bytes;
    }
  }

  @Override
  public double progress() {
    double inside = current == null ? 0 : current.progress() * currentBytes;
    return totalBytes == 0 ? 1 : Math.min(1, (walkedBytes + inside) / totalBytes);
  }

  @Override
  public Container container() {
    return container;
  }

  @Override
  public Map<String, Long> readAs() {
    return door.readAs();
  }

  @Override
  public void close() throws IOException {
    if (current != null) {
      current.close();
    }
  }

  /// Every file's path, size and time of change, of the same walk that reads them.
  static SourceState state(Path root) throws IOException {
    SourceState.Builder state = new SourceState.Builder();
    DirectoryWalk walk = new DirectoryWalk(root);
    for (DirectoryWalk.Found found = walk.next(); found != null; found = walk.next()) {
      if (found.reason() == null) {
        state.file(found.path(), found.size(), found.modified());
      } else {
        state.other(found.path(), found.reason());
      }
    }
    return state.build();
  }
}
