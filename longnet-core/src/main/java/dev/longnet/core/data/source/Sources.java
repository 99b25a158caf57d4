// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.MavenCoordinates;
import dev.longnet.core.data.maven.MavenArtifacts;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// Finds what a source's path names and how to read it.
public final class Sources {
  private Sources() {}

  /// The directory or file a source stands for, or the glob of its files.
  ///
  /// @throws EnvironmentException when the running JDK has no sources, or an artifact can't be had
  public static Path locate(CorpusSource source) throws IOException {
    if (MavenCoordinates.isOne(source.path())) {
      return artifact(source, _ -> {});
    }
    if (source.path().equals(CorpusSource.JDK)) {
      Path home = Path.of(System.getProperty("java.home"));
      Path sources = home.resolve("lib").resolve("src.zip");
      if (!Files.isRegularFile(sources)) {
        throw new EnvironmentException(
            FieldMessage.of(
                "the JDK at %s has no lib/src.zip to train on: install a JDK that has one, or name another corpus "
                    + "with %s PATH (a directory, .zip or .jar)",
                home, Field.of("corpus.sources")));
      }
      return sources;
    }
    try {
      Path path = Path.of(source.path());
      if (!Files.exists(path) && !isGlob(source.path())) {
        throw new NoSuchFileException(source.path());
      }
      return path.toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("not a path: " + source.path(), e);
    }
  }

  /// What a source is called wherever it lies: the last name of its path, of a glob the directory
  /// that it looks into, the coordinates of an artifact.
  public static String label(CorpusSource source) throws IOException {
    if (source.path().equals(CorpusSource.JDK) || MavenCoordinates.isOne(source.path())) {
      return source.path();
    }
    Path path = locate(source);
    Path named = Files.exists(path) ? path : base(path);
    return named.getFileName() == null ? "" : named.getFileName().toString();
  }

  /// Downloads the sources that come from elsewhere, where they are not there yet.
  ///
  /// @param listener hears of downloads
  public static void fetch(List<CorpusSource> sources, Consumer<String> listener) {
    for (CorpusSource source : sources) {
      if (MavenCoordinates.isOne(source.path())) {
        artifact(source, listener);
      }
    }
  }

  private static Path artifact(CorpusSource source, Consumer<String> listener) {
    try {
      return MavenArtifacts.resolve(MavenCoordinates.parse(source.path()), listener);
    } catch (NoClassDefFoundError e) {
      throw new EnvironmentException(
          source.path()
              + " needs Maven's resolver on the class path: longnet-lm brings it along, "
              + "longnet-core does not",
          e);
    }
  }

  public static SourceState state(CorpusSource source) throws IOException {
    Path path = locate(source);
    if (MavenCoordinates.isOne(source.path())) {
      return SourceState.ofArtifact(source.path(), Files.size(path));
    }
    if (Files.isDirectory(path)) {
      return DirectoryReader.state(path);
    }
    if (Files.exists(path)) {
      return SourceState.ofFile(path);
    }
    SourceState.Builder state = new SourceState.Builder();
    for (Path file : expand(path)) {
      state.file(file, Files.readAttributes(file, BasicFileAttributes.class));
    }
    return state.build();
  }

  /// @param state what [#state] gave
  /// @param scratch a directory for temporary files
  public static DocumentReader open(
      CorpusSource source, SourceState state, Admission admission, Path scratch)
      throws IOException {
    Path path = locate(source);
    if (Files.isDirectory(path)) {
      return new DirectoryReader(path, admission, state.bytes());
    }
    if (!Files.exists(path)) {
      Path base = base(path);
      return new FilesReader(
          expand(path),
          file -> name(base, file),
          file -> openFile(file, name(base, file), source, admission, scratch, false));
    }
    if (!Files.isRegularFile(path)) {
      throw new IllegalArgumentException("a corpus must be a directory or a file: " + path);
    }
    String name = path.getFileName().toString();
    return new FilesReader(
        List.of(path), _ -> "", file -> openFile(file, name, source, admission, scratch, true));
  }

  /// @param name the file's path within the source, a document's name where the file is one
  private static DocumentReader openFile(
      Path file, String name, CorpusSource source, Admission admission, Path scratch, boolean alone)
      throws IOException {
    String lower = file.getFileName().toString().toLowerCase(Locale.ROOT);
    if (lower.endsWith(".zip") || lower.endsWith(".jar")) {
      return new ZipReader(file, admission);
    }
    if (lower.matches(".*\\.(tar|tgz|tzst|tar\\.gz|tar\\.zst)")) {
      return new TarReader(file, admission, scratch);
    }
    if (lower.matches(".*\\.(jsonl|ndjson)(\\.gz|\\.zst)?")) {
      return new JsonlReader(file, source, admission);
    }
    if (lower.endsWith(".parquet")) {
      return new ParquetReader(file, source, admission, ParquetReader.PATIENCE);
    }
    if (FastaReader.isOne(file, admission.policy())) {
      return new FastaReader(file, source.sequences(), admission, scratch, alone);
    }
    return new TextFileReader(file, name, admission, alone);
  }

  private static String name(Path base, Path file) {
    return base.relativize(file).toString().replace(file.getFileSystem().getSeparator(), "/");
  }

  private static boolean isGlob(String path) {
    return path.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
  }

  /// The directory that a glob looks into.
  private static Path base(Path glob) {
    Path base = glob.getRoot();
    for (Path part : glob) {
      if (isGlob(part.toString())) {
        break;
      }
      base = base.resolve(part);
    }
    return base;
  }

  /// The files a glob names, in the order of their names.
  private static List<Path> expand(Path glob) throws IOException {
    Path base = base(glob);
    Glob pattern = new Glob(glob.toString().replace('\\', '/'));
    if (!Files.isDirectory(base)) {
      throw new NoSuchFileException(glob.toString());
    }
    try (Stream<Path> all = Files.walk(base)) {
      List<Path> files =
          all.filter(p -> pattern.matches(p.toString().replace('\\', '/')))
              .filter(Files::isRegularFile)
              .sorted()
              .toList();
      if (files.isEmpty()) {
        throw new NoSuchFileException(glob.toString());
      }
      return files;
    }
  }
}
