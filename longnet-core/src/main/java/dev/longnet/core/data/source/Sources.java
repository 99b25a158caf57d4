// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.MavenCoordinates;
import dev.longnet.core.config.RecallCorpus;
import dev.longnet.core.data.maven.MavenArtifacts;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldMessage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// Finds what a source's path names and how to read it.
public final class Sources {
  private Sources() {}

  /// The directory or file a source stands for, or the glob of its files.
  ///
  /// @throws EnvironmentException when the running JDK has no sources, or an artifact can't be had
  /// @throws IllegalArgumentException when it lies nowhere, or its path is none
  public static Path locate(CorpusSource source) throws IOException {
    if (RecallCorpus.isOne(source.path())) {
      throw new IllegalArgumentException("a text that is made up lies nowhere: " + source.path());
    }
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
    if (!CorpusSource.isFile(source.path())) {
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
    if (RecallCorpus.isOne(source.path())) {
      return SourceState.named(source.path(), RecallCorpus.parse(source.path()).bytes());
    }
    Path path = locate(source);
    if (MavenCoordinates.isOne(source.path())) {
      return SourceState.named(source.path(), Files.size(path));
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
    if (RecallCorpus.isOne(source.path())) {
      return new RecallReader(RecallCorpus.parse(source.path()), admission);
    }
    Path path = locate(source);
    Door door = new Door(source, admission, scratch);
    if (Files.isDirectory(path)) {
      return new DirectoryReader(path, admission, door, state.bytes());
    }
    if (!Files.exists(path)) {
      return new FilesReader(expand(path), base(path)::relativize, Door.Found.LISTED, door);
    }
    if (!Files.isRegularFile(path)) {
      throw new IllegalArgumentException("a corpus must be a directory or a file: " + path);
    }
    return new FilesReader(List.of(path), Path::getFileName, Door.Found.ALONE, door);
  }

  /// Opens a file that is no corpus: every text and row of it, whatever its name and length.
  /// Temporary files go where the JVM's go.
  ///
  /// @param reading what [Reading#of] told
  /// @param inFolder as there
  public static DocumentReader open(
      Path file, Reading reading, CorpusSource source, InputPolicy policy, boolean inFolder)
      throws IOException {
    Admission all = new Admission(DocumentFilter.ALL, policy);
    return new Door(source, all, Path.of(System.getProperty("java.io.tmpdir")))
        .open(
            file,
            reading,
            file.getFileName().toString(),
            inFolder ? Door.Found.IN_FOLDER : Door.Found.LISTED);
  }

  /// Opens a file whose text is all that it holds, to be unpacked as it is read.
  ///
  /// @param reading of a text
  public static InputStream open(Path file, Reading reading, InputPolicy policy)
      throws IOException {
    return GuardedInput.open(file, reading, policy);
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
