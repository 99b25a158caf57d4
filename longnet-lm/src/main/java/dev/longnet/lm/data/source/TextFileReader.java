package dev.longnet.lm.data.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// One file as one document, however large. It is a source of its own, so that its last part, not its content's hash,
/// makes the validation split.
final class TextFileReader implements DocumentReader {
  private final Path path;
  private final Admission admission;
  private boolean done;

  TextFileReader(Path path, Admission admission) {
    this.path = path;
    this.admission = admission;
  }

  @Override
  public Entry next() throws IOException {
    if (done) {
      return null;
    }
    done = true;
    String name = path.getFileName().toString();
    long size = Files.size(path);
    Optional<Entry.Rejected> rejected = admission.rejectBySize(name, size);
    if (rejected.isPresent()) {
      return rejected.get();
    }
    return new Entry.Streamed(name, size, true, () -> Files.newInputStream(path));
  }

  @Override
  public double progress() {
    return done ? 1 : 0;
  }

  @Override
  public void close() {}
}
