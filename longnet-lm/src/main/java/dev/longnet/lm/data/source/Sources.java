package dev.longnet.lm.data.source;

import dev.longnet.lm.config.CorpusSource;
import dev.longnet.lm.io.EnvironmentException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/// Finds what a source's path names and how to read it.
public final class Sources {
  private Sources() {}

  /// The directory or file a source stands for.
  ///
  /// @throws EnvironmentException when the running JDK has no sources
  public static Path locate(CorpusSource source) throws IOException {
    if (source.path().equals(CorpusSource.JDK)) {
      Path home = Path.of(System.getProperty("java.home"));
      Path sources = home.resolve("lib").resolve("src.zip");
      if (!Files.isRegularFile(sources)) {
        throw new EnvironmentException(
            "the JDK at " + home + " has no lib/src.zip to train on: install a JDK that has one, or name another corpus "
                + "with --corpus PATH (a directory, .zip or .jar)");
      }
      return sources;
    }
    try {
      Path path = Path.of(source.path());
      if (!Files.exists(path)) {
        throw new NoSuchFileException(source.path());
      }
      return path.toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("not a path: " + source.path(), e);
    }
  }

  public static SourceState state(CorpusSource source) throws IOException {
    Path path = locate(source);
    return Files.isDirectory(path) ? DirectoryReader.state(path) : SourceState.ofFile(path);
  }

  /// @param state what [#state] gave
  public static DocumentReader open(CorpusSource source, SourceState state, Admission admission) throws IOException {
    Path path = locate(source);
    if (Files.isDirectory(path)) {
      return new DirectoryReader(path, admission, state.bytes());
    }
    if (!Files.isRegularFile(path)) {
      throw new IllegalArgumentException("a corpus must be a directory or a file: " + path);
    }
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".zip") || name.endsWith(".jar")) {
      return new ZipReader(path, admission);
    }
    return new TextFileReader(path, admission);
  }
}
