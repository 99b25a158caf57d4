// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.SourceSummary;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/// How far a build has come: what the next run needs to go on where this one was killed.
///
/// @param corpus as [Manifest#corpus()]
/// @param sources the finished ones and the one under way
/// @param entries entries of the source under way that are done with
/// @param sourceDone whether the last of `sources` is finished
/// @param signatures MinHash signatures that count
/// @param open the large document under way, if any: the entry after those done with
record Journal(
    String corpus,
    String tokenizerFingerprint,
    List<SourceSummary> sources,
    long entries,
    boolean sourceDone,
    Optional<OpenDocument> open,
    long signatures,
    List<ShardInfo> shards) {

  private static final String FILE = "progress.json";

  /// A large document of which shards hold the beginning.
  ///
  /// @param part which of its parts (training, held-out tail) is under way
  /// @param bytesDone of that part
  /// @param changed whether its ids do not give its text back, as far as it is done
  record OpenDocument(
      int part, long bytesDone, long firstToken, long textOffset, boolean changed) {}

  /// Empty where there is none, or a damaged one (a crash of the machine): the build starts anew.
  static Optional<Journal> read(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    byte[] bytes = Files.readAllBytes(file);
    if (bytes.length < Long.BYTES || ByteBuffer.wrap(bytes).getLong() != sum(bytes)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Plain.fromJson(Arrays.copyOfRange(bytes, Long.BYTES, bytes.length)));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  /// CRC-32C of what follows the first eight bytes, where it stands.
  private static long sum(byte[] bytes) {
    CRC32C sum = new CRC32C();
    sum.update(bytes, Long.BYTES, bytes.length - Long.BYTES);
    return sum.getValue();
  }

  /// Replaces the journal in one step. Nothing is forced to disk: a killed process loses nothing
  /// the kernel has, and after a crash of the machine the checksums tell.
  void write(Path directory) throws IOException {
    Path temporary = directory.resolve(FILE + ".tmp");
    byte[] json = Manifest.JSON.writeValueAsBytes(Plain.of(this));
    byte[] bytes = ByteBuffer.allocate(Long.BYTES + json.length).putLong(0).put(json).array();
    ByteBuffer.wrap(bytes).putLong(sum(bytes));
    Files.write(temporary, bytes);
    Files.move(
        temporary,
        directory.resolve(FILE),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  /// As in the file: JSON has no Optional.
  private record Plain(
      String corpus,
      String tokenizerFingerprint,
      List<SourceSummary> sources,
      long entries,
      boolean sourceDone,
      List<OpenDocument> open,
      long signatures,
      List<ShardInfo> shards) {

    Plain {
      sources = List.copyOf(sources);
      open = List.copyOf(open);
      shards = List.copyOf(shards);
    }

    static Plain of(Journal j) {
      return new Plain(
          j.corpus,
          j.tokenizerFingerprint,
          j.sources,
          j.entries,
          j.sourceDone,
          j.open.stream().toList(),
          j.signatures,
          j.shards);
    }

    static Journal fromJson(byte[] json) throws IOException {
      Plain p = SourceSummary.read(json, Plain.class);
      return new Journal(
          p.corpus,
          p.tokenizerFingerprint,
          p.sources,
          p.entries,
          p.sourceDone,
          p.open.stream().findFirst(),
          p.signatures,
          p.shards);
    }
  }
}
