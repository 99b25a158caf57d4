// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// Files and directories that appear whole or not at all: written under a temporary name beside the
/// target, forced to disk, renamed. A failure removes the temporary and leaves an older target
/// untouched.
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

  /// A device or pipe (`/dev/stdout`) can't be replaced: it is written as it goes.
  public static void write(Path target, Body body) throws IOException {
    if (isSpecial(target)) {
      try {
        stream(target, body);
      } catch (IOException e) {
        throw named(target, e);
      }
    } else {
      writeFile(target, temporary -> stream(temporary, body));
    }
  }

  /// As [#write], for text.
  public static void writeString(Path target, String text) throws IOException {
    write(target, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /// A target that is a symbolic link stays one: what it points at is replaced.
  ///
  /// @throws IllegalArgumentException when the target exists and is no regular file
  public static void writeFile(Path target, PathBody body) throws IOException {
    if (isSpecial(target) || Files.isDirectory(target)) {
      throw new IllegalArgumentException("can't write to what is no regular file: " + target);
    }
    Path real = Files.isSymbolicLink(target) && Files.exists(target) ? target.toRealPath() : target;
    Path temporary = temporaryBeside(real);
    try {
      body.writeTo(temporary);
      force(temporary);
      Files.move(
          temporary, real, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      force(folder(real));
    } catch (IOException e) {
      deleteRecursively(temporary, e);
      throw named(target, e);
    } catch (RuntimeException | Error e) {
      deleteRecursively(temporary, e);
      throw e;
    }
  }

  /// Says before hours of work what [#write] would say after them.
  ///
  /// @param option what names the target, for the message
  /// @param target null passes
  /// @throws IllegalArgumentException when the target is a directory, or can't be made where it
  ///   lies
  public static void check(String option, @Nullable Path target) throws IOException {
    if (target == null || isSpecial(target)) {
      return;
    }
    if (Files.isDirectory(target)) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "%s must name a file, not a directory: %s", option, target));
    }
    // A temporary file beside it takes its place: its folder must let itself be written to, or be
    // made.
    Path folder =
        (Files.exists(target) ? target.toRealPath() : target.toAbsolutePath()).getParent();
    while (folder != null && !Files.exists(folder)) {
      folder = folder.getParent();
    }
    if (folder == null || !Files.isDirectory(folder) || !Files.isWritable(folder)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s can't be written, %s is no folder that can be written to: %s",
              option,
              folder,
              target));
    }
  }

  private static void stream(Path path, Body body) throws IOException {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(path), 1 << 16)) {
      body.writeTo(out);
    }
  }

  /// Whether a path is a device, a pipe or a descriptor of this process.
  private static boolean isSpecial(Path target) throws IOException {
    Path absolute = target.toAbsolutePath().normalize();
    return absolute.startsWith("/dev/fd")
        || absolute.startsWith("/proc")
        || absolute.equals(Path.of("/dev/stdout"))
        || absolute.equals(Path.of("/dev/stderr"))
        || Files.exists(target)
            && Files.readAttributes(target, BasicFileAttributes.class).isOther();
  }

  /// Only the root has none, and that is no target.
  private static Path folder(Path target) {
    return Objects.requireNonNull(target.toAbsolutePath().getParent());
  }

  /// A full disk's message ("No space left on device") does not say which file: it will.
  private static IOException named(Path target, IOException e) {
    return e.getClass() == IOException.class
        ? (IOException)
            new FileSystemException(target.toString(), null, e.getMessage()).initCause(e)
        : e;
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
      force(folder(target));
    } catch (IOException e) {
      deleteRecursively(temporary, e);
      throw named(target, e);
    } catch (RuntimeException | Error e) {
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
    Path folder = folder(absolute);
    Files.createDirectories(folder);
    String prefix = "." + absolute.getFileName() + ".tmp-" + Host.NUMBER;
    removeLeftovers(folder, prefix);
    return folder.resolve(prefix + ProcessHandle.current().pid());
  }

  /// Of processes of this host that were killed while they wrote the same target. Of another
  /// host's, which may see the same folder, nobody here knows whether they live.
  private static void removeLeftovers(Path folder, String prefix) throws IOException {
    List<Path> dead = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        if (name.startsWith(prefix) && isDead(name.substring(prefix.length()))) {
          dead.add(file);
        }
      }
    } catch (AccessDeniedException e) {
      return; // a folder that may be written to, but not looked into
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    for (Path file : dead) {
      deleteRecursively(file);
    }
  }

  private static boolean isDead(String pid) {
    return pid.matches("[0-9]{1,18}") && ProcessHandle.of(Long.parseLong(pid)).isEmpty();
  }

  /// Whether a file is what a process that was killed leaves beside the file it wrote.
  public static boolean isLeftover(Path file) {
    return file.getFileName().toString().matches("\\..*\\.tmp-[0-9]+");
  }

  /// What tells this machine, and this container of it, from others: their processes' numbers mean
  /// other processes.
  private static final class Host {
    /// Ten digits.
    static final String NUMBER = number();

    private static String number() {
      CRC32 sum = new CRC32();
      String all = name() + '\0' + machine() + '\0' + processes();
      sum.update(all.getBytes(StandardCharsets.UTF_8));
      return String.format(Locale.ROOT, "%010d", sum.getValue());
    }

    private static String name() {
      try {
        return Files.readString(Path.of("/proc/sys/kernel/hostname"));
      } catch (IOException e) { // not on Linux
        return String.valueOf(System.getenv("COMPUTERNAME")) + System.getenv("HOSTNAME");
      }
    }

    /// Machines may have one name, and the same first namespace.
    private static String machine() {
      try {
        return Files.readString(Path.of("/etc/machine-id"));
      } catch (IOException e) { // containers often have none; their namespaces differ
        return "";
      }
    }

    /// The namespace of process numbers.
    private static String processes() {
      try {
        return Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
      } catch (IOException | UnsupportedOperationException e) {
        return "";
      }
    }
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
