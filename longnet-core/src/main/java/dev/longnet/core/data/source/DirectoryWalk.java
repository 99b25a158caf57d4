// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Everything in a directory in the order of names, a directory's own files before its
/// subdirectories, so that files of one package stay together. Links to files are followed; links
/// to directories only when they lead out of the corpus, and each once, so that no walk is endless.
/// Asks the file system once for a file, and holds one directory's listing per level.
final class DirectoryWalk {
  /// A file, or something that is none.
  ///
  /// @param name its path within the directory, `/` between its parts
  /// @param modified milliseconds
  /// @param reason why it can't be read, null for a file
  record Found(
      Path path, String name, long size, long modified, @Nullable Reason reason, String detail) {
    Entry.Rejected rejected() {
      return new Entry.Rejected(name, Objects.requireNonNull(reason), detail);
    }
  }

  /// Something in a directory. Names are made when it is its turn: a listing may be long.
  private record Child(
      Path path,
      boolean directory,
      boolean link,
      long size,
      long modified,
      @Nullable Reason reason,
      String detail) {
    Child(Path path, Reason reason, String detail) {
      this(path, false, false, 0, 0, reason, detail);
    }

    Found found(String name) {
      return new Found(path, name, size, modified, reason, detail);
    }
  }

  private record Level(String prefix, Iterator<Child> children) {}

  private final Path realRoot;
  private final Deque<Level> levels = new ArrayDeque<>();
  private final Set<Path> linked = new HashSet<>();

  DirectoryWalk(Path root) throws IOException {
    this.realRoot = root.toRealPath();
    enter(root, "");
  }

  /// Null at the end.
  @Nullable Found next() {
    while (!levels.isEmpty()) {
      Level level = levels.peek();
      if (!level.children().hasNext()) {
        levels.pop();
        continue;
      }
      Child child = level.children().next();
      String name = level.prefix() + child.path().getFileName();
      if (!child.directory()) {
        return child.found(name);
      }
      try {
        if (child.link()) {
          requireNew(child.path().toRealPath());
        }
        enter(child.path(), name + "/");
      } catch (RejectedException e) {
        return new Child(child.path(), e.reason(), e.getMessage()).found(name);
      } catch (IOException e) {
        return new Child(child.path(), Reason.UNREADABLE, GuardedInput.reason(e)).found(name);
      }
    }
    return null;
  }

  private void requireNew(Path target) throws RejectedException {
    if (target.startsWith(realRoot) || realRoot.startsWith(target)) {
      throw new RejectedException(Reason.LINK, "leads back into the corpus");
    }
    if (!linked.add(target)) {
      throw new RejectedException(Reason.LINK, "leads to a directory that another link led to");
    }
  }

  private void enter(Path directory, String prefix) throws IOException {
    List<Child> files = new ArrayList<>();
    List<Child> directories = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      for (Path path : stream) {
        Child child = look(path);
        (child.directory() ? directories : files).add(child);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    files.sort(Comparator.comparing(Child::path));
    directories.sort(Comparator.comparing(Child::path));
    files.addAll(directories);
    levels.push(new Level(prefix, files.iterator()));
  }

  private static Child look(Path path) {
    try {
      BasicFileAttributes a =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      boolean link = a.isSymbolicLink();
      if (link) {
        try {
          a = Files.readAttributes(path, BasicFileAttributes.class);
        } catch (NoSuchFileException e) {
          return new Child(path, Reason.LINK, "its target does not exist");
        }
      }
      if (!a.isDirectory() && !a.isRegularFile()) {
        return new Child(path, Reason.NOT_A_FILE, "neither a file nor a directory");
      }
      long size = a.isDirectory() ? 0 : a.size();
      return new Child(
          path, a.isDirectory(), link, size, a.lastModifiedTime().toMillis(), null, "");
    } catch (IOException e) {
      return new Child(path, Reason.UNREADABLE, GuardedInput.reason(e));
    }
  }
}
