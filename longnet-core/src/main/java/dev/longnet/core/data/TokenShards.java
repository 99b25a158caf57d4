// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.zip.CRC32C;

/// A corpus as tokens: a directory of mapped shards and their manifest. Streams are valid until it
/// is closed, by whoever opened it.
public final class TokenShards implements AutoCloseable {
  private final Path directory;
  private final Manifest manifest;
  private final Arena arena;
  private final List<MappedShard> shards;

  private TokenShards(Path directory, Manifest manifest, Arena arena, List<MappedShard> shards) {
    this.directory = directory;
    this.manifest = manifest;
    this.arena = arena;
    this.shards = shards;
  }

  /// @throws IllegalArgumentException when the directory holds no token shards, or a file is not as
  ///   long as the manifest says
  public static TokenShards open(Path directory) throws IOException {
    if (!Files.isRegularFile(directory.resolve(Manifest.FILE))) {
      throw new IllegalArgumentException("no token shards (a manifest.json) in " + directory);
    }
    Manifest manifest = Manifest.read(directory);
    Arena arena = Arena.ofShared();
    try {
      List<MappedShard> shards = new ArrayList<>();
      for (ShardInfo info : manifest.shards()) {
        shards.add(MappedShard.open(directory, info, manifest.bits(), arena));
      }
      shards.sort(
          Comparator.comparingInt((MappedShard s) -> s.info().source())
              .thenComparingInt(s -> s.info().index()));
      return new TokenShards(directory, manifest, arena, List.copyOf(shards));
    } catch (IOException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  public Path directory() {
    return directory;
  }

  public Manifest manifest() {
    return manifest;
  }

  /// All training documents, source after source.
  public TokenSplit train() {
    return split(s -> s.split() == Split.TRAIN);
  }

  /// The training documents of one source.
  public TokenSplit train(int source) {
    return split(s -> s.split() == Split.TRAIN && s.source() == source);
  }

  /// All held-out documents, source after source.
  public TokenSplit validation() {
    return split(s -> s.split() == Split.VALIDATION);
  }

  private TokenSplit split(Predicate<ShardInfo> wanted) {
    return new TokenSplit(
        shards.stream().filter(s -> wanted.test(s.info())).toList(),
        manifest.bits(),
        manifest.vocabulary());
  }

  /// Compares every file with its checksum.
  ///
  /// @return the files that differ
  public List<Path> verify() throws IOException {
    List<Path> wrong = new ArrayList<>();
    for (ShardInfo s : manifest.shards()) {
      check(s.baseName() + ".tokens", s.tokensCrc(), wrong);
      check(s.baseName() + ".docs", s.docsCrc(), wrong);
      check(s.baseName() + ".names", s.namesCrc(), wrong);
      if (s.split() == Split.VALIDATION) {
        check(s.baseName() + ".text", s.textCrc(), wrong);
      }
    }
    return wrong;
  }

  private void check(String name, long crc, List<Path> wrong) throws IOException {
    Path file = directory.resolve(name);
    if (crc(file) != crc) {
      wrong.add(file);
    }
  }

  /// CRC-32C of a file.
  public static long crc(Path file) throws IOException {
    CRC32C crc = new CRC32C();
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        crc.update(buffer, 0, n);
      }
    }
    return crc.getValue();
  }

  @Override
  public void close() {
    arena.close();
  }
}
