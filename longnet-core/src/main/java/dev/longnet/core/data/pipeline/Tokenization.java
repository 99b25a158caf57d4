// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.source.SourceState;
import dev.longnet.core.data.source.Sources;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// From a corpus' configuration to its token shards: finds them, takes up an interrupted build, or
/// builds them. `longnet tokenize` and the trainer both come through here.
public final class Tokenization {
  private final CorpusConfig config;
  private final Tokenizer tokenizer;
  private final int threads;
  private final TokenizationListener listener;
  private final String corpusKey;
  private final Pace pace;

  private Tokenization(CorpusConfig config, int threads, TokenizationListener listener, Pace pace)
      throws IOException {
    this.pace = pace;
    this.config = config;
    this.tokenizer = Tokenizers.of(config.tokenizer());
    this.threads = threads;
    this.listener = listener;
    this.corpusKey = CorpusKey.of(config);
  }

  /// The shards of a corpus in the cache directory, made where they are missing or the corpus or
  /// tokenizer changed. The caller closes them.
  public static TokenShards prepare(CorpusConfig config, TokenizationListener listener)
      throws IOException {
    return prepare(
        config, cached(config), true, Runtime.getRuntime().availableProcessors(), listener);
  }

  /// Where in the cache directory a corpus' shards are kept.
  public static Path cached(CorpusConfig config) throws IOException {
    return cacheDirectory().resolve(CorpusKey.of(config));
  }

  /// The shards of a corpus in a directory of the user's choice. The caller closes them.
  ///
  /// @param replace whether shards of another corpus, another tokenizer or an older state may be
  ///   replaced
  /// @throws IllegalArgumentException when the directory holds something else and may not be
  ///   replaced
  public static TokenShards prepare(
      CorpusConfig config,
      Path directory,
      boolean replace,
      int threads,
      TokenizationListener listener)
      throws IOException {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be positive: threads=" + threads);
    }
    return prepare(config, directory, replace, threads, listener, Pace.DEFAULT);
  }

  static TokenShards prepare(
      CorpusConfig config,
      Path directory,
      boolean replace,
      int threads,
      TokenizationListener listener,
      Pace pace)
      throws IOException {
    return new Tokenization(config, threads, listener, pace)
        .inDirectory(directory.toAbsolutePath().normalize(), replace);
  }

  /// `$XDG_CACHE_HOME/longnet/tokens`, `~/.cache/longnet/tokens` where that is not set.
  public static Path cacheDirectory() {
    String xdg = System.getenv("XDG_CACHE_HOME");
    // A user without an entry in the passwd file, as in containers, has the home "?".
    Path home = Path.of(System.getProperty("user.home"));
    if ((xdg == null || xdg.isBlank()) && !home.isAbsolute()) {
      throw new EnvironmentException(
          "this user has no home directory to keep token shards in: "
              + "set XDG_CACHE_HOME to a directory you may write to");
    }
    Path cache = xdg == null || xdg.isBlank() ? home.resolve(".cache") : Path.of(xdg);
    return cache.resolve("longnet").resolve("tokens");
  }

  private TokenShards inDirectory(Path directory, boolean replace) throws IOException {
    if (!tokenizer.lossless()) {
      listener.message(
          "the tokenizer "
              + tokenizer.name()
              + " loses bytes (a normalizer, dropped spaces, or bytes without a token): what a "
              + "model of its ids writes is not always what the corpus holds");
    }
    Sources.fetch(config.sources(), listener::message);
    List<SourceState> states = new ArrayList<>();
    for (var source : config.sources()) {
      states.add(Sources.state(source));
    }
    Optional<TokenShards> found = find(directory, states, replace);
    if (found.isPresent()) {
      return found.get();
    }
    try {
      Files.createDirectories(directory.getParent());
      try (FileChannel channel =
              FileChannel.open(
                  sibling(directory, ".lock"),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE);
          FileLock lock = lock(channel, directory)) {
        assert lock.isValid();
        // Another process may have built them while this one waited.
        Optional<TokenShards> now = find(directory, states, replace);
        if (now.isPresent()) {
          return now.get();
        }
        build(directory, states);
      }
    } catch (IOException e) {
      throw new EnvironmentException(
          "tokenization stopped: "
              + reason(e)
              + " (token shards go to "
              + directory
              + (directory.startsWith(cacheDirectory())
                  ? "; XDG_CACHE_HOME=DIR names another place for them"
                  : "")
              + "); what is done is kept for the next run",
          e);
    }
    return TokenShards.open(directory);
  }

  /// The message of most file systems' exceptions is the path alone.
  private static String reason(IOException e) {
    return switch (e) {
      case AccessDeniedException denied -> "permission denied: " + denied.getFile();
      case NoSuchFileException gone -> "cannot be made or is gone: " + gone.getFile();
      case NotDirectoryException file -> "not a directory: " + file.getFile();
      case FileAlreadyExistsException file -> "not a directory: " + file.getFile();
      default -> String.valueOf(e.getMessage());
    };
  }

  private FileLock lock(FileChannel channel, Path directory) throws IOException {
    FileLock lock = channel.tryLock();
    if (lock != null) {
      return lock;
    }
    listener.message(
        "another process is making the token shards in " + directory + ": waiting for it");
    return channel.lock();
  }

  /// Finished shards that are still true.
  private Optional<TokenShards> find(Path directory, List<SourceState> states, boolean replace)
      throws IOException {
    if (!Files.exists(directory)) {
      return Optional.empty();
    }
    if (!Files.exists(directory.resolve(Manifest.FILE))) {
      try (Stream<Path> inside = Files.list(directory)) {
        if (inside.findAny().isPresent()) {
          throw new IllegalArgumentException(
              directory + " holds something else than token shards: choose another directory");
        }
      }
      Files.delete(directory);
      return Optional.empty();
    }
    TokenShards shards;
    try {
      shards = TokenShards.open(directory);
    } catch (IllegalArgumentException | IOException e) {
      if (!replace) {
        throw e;
      }
      listener.message("token shards are made again: " + e.getMessage());
      return Optional.empty();
    }
    Optional<String> change = change(shards.manifest(), states);
    if (change.isEmpty()) {
      return Optional.of(shards);
    }
    shards.close();
    if (!replace) {
      throw new FieldException(
          "%s since the token shards in %s were made: choose another directory, or %s replaces them",
          change.get(), directory, Field.of("replace"));
    }
    listener.message(change.get() + " since its token shards were made: they are made again");
    return Optional.empty();
  }

  /// What makes shards stale, in words.
  private Optional<String> change(Manifest manifest, List<SourceState> states) {
    // The name of a file is its path, which may be written in several ways; its fingerprint
    // decides.
    boolean files = Tokenizers.isFile(manifest.tokenizer()) && Tokenizers.isFile(tokenizer.name());
    if (!files && !manifest.tokenizer().equals(tokenizer.name())) {
      return Optional.of(
          "the tokenizer changed (from " + manifest.tokenizer() + " to " + tokenizer.name() + ")");
    }
    if (!manifest.tokenizerFingerprint().equals(tokenizer.fingerprint())) {
      return Optional.of("the tokenizer " + tokenizer.name() + " changed");
    }
    if (!manifest.corpus().equals(corpusKey)) {
      return Optional.of("the corpus' configuration changed");
    }
    for (int i = 0; i < states.size(); i++) {
      SourceSummary summary = manifest.sources().get(i);
      if (!summary.state().equals(states.get(i).hash())) {
        return Optional.of("the source " + summary.path() + " changed");
      }
    }
    return Optional.empty();
  }

  private void build(Path directory, List<SourceState> states) throws IOException {
    Path building = sibling(directory, ".building");
    Files.createDirectories(building);
    Manifest manifest;
    try (ShardBuild build =
        new ShardBuild(
            new CorpusSnapshot(
                config, tokenizer, corpusKey, states, GroupChoice.rule(config, states, building)),
            building,
            threads,
            pace,
            listener)) {
      manifest = build.run();
    } catch (IllegalArgumentException e) {
      if (Journal.read(building).filter(j -> !j.shards().isEmpty()).isEmpty()) {
        AtomicFiles.deleteRecursively(building); // nothing there to go on with
      }
      throw e;
    }
    if (config.holdout().kind() == Holdout.Kind.GROUP && config.validation() > 0) {
      try {
        refuseOneSided(manifest);
      } catch (IllegalArgumentException e) {
        AtomicFiles.deleteRecursively(building);
        throw e;
      }
    }
    Files.write(building.resolve(Manifest.FILE), manifest.toJson());
    keepOnly(manifest, building);
    force(building);
    if (Files.exists(directory)) {
      Path old = sibling(directory, ".old");
      AtomicFiles.deleteRecursively(old);
      Files.move(directory, old, StandardCopyOption.ATOMIC_MOVE);
      Files.move(building, directory, StandardCopyOption.ATOMIC_MOVE);
      AtomicFiles.deleteRecursively(old);
    } else {
      Files.move(building, directory, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /// Groups are few: chance may take all or none.
  private static void refuseOneSided(Manifest manifest) {
    long train = manifest.groups(Split.TRAIN);
    long validation = manifest.groups(Split.VALIDATION);
    if (train == 0 || validation == 0) {
      throw new FieldException(
          "%s of the corpus' %s groups %s held out: take smaller groups (%s) or another share (%s)",
          validation == 0 ? "none" : "all",
          train + validation,
          validation == 0 ? "is" : "are",
          Field.of("corpus.group_depth"),
          Field.of("corpus.validation", manifest.validation()));
    }
  }

  /// Deletes what only the build needed: the journal, signatures, and whatever killed runs left.
  private static void keepOnly(Manifest manifest, Path directory) throws IOException {
    Set<String> shards =
        manifest.shards().stream().map(ShardInfo::baseName).collect(Collectors.toSet());
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        if (!name.equals(Manifest.FILE)
            && !shards.contains(name.substring(0, Math.max(0, name.lastIndexOf('.'))))) {
          Files.delete(file);
        }
      }
    }
  }

  private static void force(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
          channel.force(true);
        }
      }
    }
  }

  private static Path sibling(Path directory, String suffix) {
    return directory.resolveSibling(directory.getFileName() + suffix);
  }
}
