package dev.longnet.lm.data.source;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// A directory's files in the order of their names, a directory's own files before its subdirectories, so that files of
/// one package stay together. Holds one directory's listing per level. Links to files are followed; links to directories
/// only when they lead out of the corpus, and each once, so that no walk is endless.
final class DirectoryReader implements DocumentReader {
  private final Path root;
  private final Path realRoot;
  private final Admission admission;
  private final long totalBytes;
  private final Deque<Iterator<Path>> levels = new ArrayDeque<>();
  private final Set<Path> linked = new HashSet<>();
  private long walkedBytes;

  /// @param totalBytes what [#walk] counted, for progress
  DirectoryReader(Path root, Admission admission, long totalBytes) throws IOException {
    this.root = root;
    this.realRoot = root.toRealPath();
    this.admission = admission;
    this.totalBytes = totalBytes;
    levels.push(list(root));
  }

  @Override
  public Entry next() throws IOException {
    while (!levels.isEmpty()) {
      if (!levels.peek().hasNext()) {
        levels.pop();
        continue;
      }
      Path path = levels.peek().next();
      Entry entry = visit(path);
      if (entry != null) {
        return entry;
      }
    }
    return null;
  }

  /// Null for a directory, which is entered.
  private Entry visit(Path path) {
    String name = name(path);
    try {
      BasicFileAttributes own = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (own.isDirectory()) {
        levels.push(list(path));
        return null;
      }
      BasicFileAttributes file = own;
      if (own.isSymbolicLink()) {
        try {
          file = Files.readAttributes(path, BasicFileAttributes.class);
        } catch (NoSuchFileException e) {
          return new Entry.Rejected(name, Reason.LINK, "its target does not exist");
        }
        if (file.isDirectory()) {
          return enterLink(path, name);
        }
      }
      if (admission.leavesOut(name)) {
        return new Entry.Rejected(name, Reason.FILTERED, "");
      }
      if (!file.isRegularFile()) {
        return new Entry.Rejected(name, Reason.NOT_A_FILE, "neither a file nor a directory");
      }
      return document(path, name, file.size());
    } catch (IOException e) {
      return new Entry.Rejected(name, Reason.UNREADABLE, String.valueOf(e.getMessage()));
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

  private Entry enterLink(Path path, String name) throws IOException {
    Path target = path.toRealPath();
    if (target.startsWith(realRoot) || realRoot.startsWith(target)) {
      return new Entry.Rejected(name, Reason.LINK, "leads back into the corpus");
    }
    if (!linked.add(target)) {
      return new Entry.Rejected(name, Reason.LINK, "leads to a directory that another link led to");
    }
    levels.push(list(path));
    return null;
  }

  private static Iterator<Path> list(Path directory) throws IOException {
    List<Path> files = new ArrayList<>();
    List<Path> directories = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      for (Path p : stream) {
        (Files.isDirectory(p) ? directories : files).add(p);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    files.sort(null);
    directories.sort(null);
    files.addAll(directories);
    return files.iterator();
  }

  private String name(Path path) {
    return root.relativize(path).toString().replace(root.getFileSystem().getSeparator(), "/");
  }

  @Override
  public double progress() {
    return totalBytes == 0 ? 1 : Math.min(1, walkedBytes / (double) totalBytes);
  }

  @Override
  public void close() {
    levels.clear();
  }

  /// Visits every file's name, size and time of change, as a state of the directory.
  static SourceState state(Path root) throws IOException {
    SourceState.Builder state = new SourceState.Builder();
    Deque<Path> open = new ArrayDeque<>(List.of(root));
    while (!open.isEmpty()) {
      Path directory = open.pop();
      List<Path> children = new ArrayList<>();
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        stream.forEach(children::add);
      } catch (IOException | DirectoryIteratorException e) {
        continue;
      }
      children.sort(null);
      for (Path child : children) {
        try {
          BasicFileAttributes a = Files.readAttributes(child, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
          if (a.isDirectory()) {
            open.push(child);
          } else {
            if (a.isSymbolicLink()) {
              a = Files.readAttributes(child, BasicFileAttributes.class);
            }
            state.file(child.toString(), a);
          }
        } catch (IOException e) {
          state.missing(child.toString());
        }
      }
    }
    return state.build();
  }
}
