// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One file as one document, however large.
final class TextFileReader implements DocumentReader {
  private final Path path;
  private final String name;
  private final Admission admission;
  private final boolean alone;
  private boolean done;

  /// @param name the document's
  /// @param alone the file is a source of its own: no filter of names leaves it out, and its last
  ///   part, not its content's hash, makes the validation split
  TextFileReader(Path path, String name, Admission admission, boolean alone) {
    this.path = path;
    this.name = name;
    this.admission = admission;
    this.alone = alone;
  }

  @Override
  public @Nullable Entry next() {
    if (done) {
      return null;
    }
    done = true;
    if (!alone && admission.leavesOut(name)) {
      return new Entry.Rejected(name, Reason.FILTERED, "");
    }
    long size;
    try {
      size = Files.size(path);
    } catch (IOException e) {
      return new Entry.Rejected(name, Reason.UNREADABLE, GuardedInput.reason(e));
    }
    Optional<Entry.Rejected> rejected = admission.rejectBySize(name, size);
    if (rejected.isPresent()) {
      return rejected.get();
    }
    if (alone || size > Entry.WHOLE_BYTES) {
      return new Entry.Streamed(name, size, alone, () -> Files.newInputStream(path));
    }
    return new Entry.Text(
        name, size, () -> new Entry.Loaded(name, DirectoryReader.load(path, size)));
  }

  @Override
  public double progress() {
    return done ? 1 : 0;
  }

  @Override
  public void close() {}
}
