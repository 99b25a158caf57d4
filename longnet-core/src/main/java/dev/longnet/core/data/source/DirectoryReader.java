// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A directory's files, in the order of [DirectoryWalk].
final class DirectoryReader implements DocumentReader {
  private final DirectoryWalk walk;
  private final Admission admission;
  private final long totalBytes;
  private long walkedBytes;

  /// @param totalBytes what [#state] counted, for progress
  DirectoryReader(Path root, Admission admission, long totalBytes) throws IOException {
    this.walk = new DirectoryWalk(root);
    this.admission = admission;
    this.totalBytes = totalBytes;
  }

  @Override
  public @Nullable Entry next() {
    DirectoryWalk.Found found = walk.next();
    if (found == null) {
      return null;
    }
    if (found.reason() != null && found.reason() != Reason.NOT_A_FILE) {
      return found.rejected();
    }
    if (admission.leavesOut(found.name())) {
      return new Entry.Rejected(found.name(), Reason.FILTERED, "");
    }
    return found.reason() == null
        ? document(found.path(), found.name(), found.size())
        : found.rejected();
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
    return totalBytes == 0 ? 1 : Math.min(1, walkedBytes / (double) totalBytes);
  }

  @Override
  public void close() {}

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
