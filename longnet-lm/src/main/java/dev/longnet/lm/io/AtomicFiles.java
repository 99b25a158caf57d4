package dev.longnet.lm.io;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// Files and directories that appear whole or not at all: written under a temporary name beside the target, forced to
/// disk, renamed. A failure removes the temporary and leaves an older target untouched.
public final class AtomicFiles {
  private AtomicFiles() {}

  /// Fills a stream; what it throws aborts the write.
  public interface Body {
    void writeTo(OutputStream out) throws IOException;
  }

  /// Fills a path (a file opened by name, or a directory that exists and is empty).
  public interface PathBody {
    void writeTo(Path temporary) throws IOException;
  }

  public static void write(Path target, Body body) throws IOException {
    writeFile(
        target,
        temporary -> {
          try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(temporary), 1 << 16)) {
            body.writeTo(out);
          }
        });
  }

  public static void writeString(Path target, String text) throws IOException {
    writeFile(target, temporary -> Files.writeString(temporary, text));
  }

  public static void writeFile(Path target, PathBody body) throws IOException {
    Path temporary = temporaryBeside(target);
    try {
      body.writeTo(temporary);
      force(temporary);
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      force(target.toAbsolutePath().getParent());
    } catch (IOException | RuntimeException | Error e) {
      deleteRecursively(temporary, e);
      throw e;
    }
  }

  /// The target must not exist: a directory can't be replaced in one step.
  public static void writeDirectory(Path target, PathBody body) throws IOException {
    Path temporary = temporaryBeside(target);
    try {
      Files.createDirectories(temporary);
      body.writeTo(temporary);
      try (Stream<Path> all = Files.walk(temporary)) {
        for (Path p : (Iterable<Path>) all::iterator) {
          force(p);
        }
      }
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      force(target.toAbsolutePath().getParent());
    } catch (IOException | RuntimeException | Error e) {
      deleteRecursively(temporary, e);
      throw e;
    }
  }

  public static void deleteRecursively(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    List<Path> all;
    try (Stream<Path> walk = Files.walk(root)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path p : all) {
      Files.delete(p);
    }
  }

  private static Path temporaryBeside(Path target) throws IOException {
    Path absolute = target.toAbsolutePath();
    Files.createDirectories(absolute.getParent());
    return absolute.resolveSibling("." + absolute.getFileName() + ".tmp-" + ProcessHandle.current().pid());
  }

  private static void force(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static void deleteRecursively(Path temporary, Throwable cause) {
    try {
      deleteRecursively(temporary);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }
}
