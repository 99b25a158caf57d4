// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A text that is compressed, or in UTF-16 or UTF-32, as one document. Only reading it tells its
/// length: a large one is unpacked once more than a plain one is read.
final class UnpackedReader implements DocumentReader {
  private final Path path;
  private final Reading reading;
  private final String name;
  private final Admission admission;
  private final boolean alone;
  private boolean done;

  /// @param name the document's
  /// @param alone as [TextFileReader]'s
  UnpackedReader(Path path, Reading reading, String name, Admission admission, boolean alone) {
    this.path = path;
    this.reading = reading;
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
    try (GuardedInput in = open()) {
      byte[] text = in.readNBytes(Entry.WHOLE_BYTES + 1);
      long size = text.length + in.transferTo(OutputStream.nullOutputStream());
      Optional<Entry.Rejected> rejected = admission.rejectBySize(name, size);
      if (rejected.isPresent()) {
        return rejected.get();
      }
      return alone || size > Entry.WHOLE_BYTES
          ? new Entry.Streamed(name, size, alone, this::open)
          : new Entry.Text(name, size, () -> new Entry.Loaded(name, text));
    } catch (IOException | RuntimeException e) {
      return GuardedInput.rejection(name, e);
    }
  }

  private GuardedInput open() throws IOException {
    return GuardedInput.open(path, reading, admission.policy());
  }

  @Override
  public double progress() {
    return done ? 1 : 0;
  }

  @Override
  public void close() {}
}
