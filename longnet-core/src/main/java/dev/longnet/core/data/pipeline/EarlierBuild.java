// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.DocumentRecord;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.source.SourceState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// What a killed build left in its directory, and whether it still holds.
///
/// @param listener hears why it does not
record EarlierBuild(Path directory, TokenizationListener listener) {

  /// The journal to go on from: of this corpus, this tokenizer, these states of the sources, with
  /// every shard whole.
  Optional<Journal> journal(String corpusKey, Tokenizer tokenizer, List<SourceState> states)
      throws IOException {
    Optional<Journal> found = Journal.read(directory);
    if (found.isEmpty()) {
      return found;
    }
    Journal journal = found.get();
    if (!journal.corpus().equals(corpusKey)
        || !journal.tokenizerFingerprint().equals(tokenizer.fingerprint())) {
      return anew("the corpus or the tokenizer changed since an interrupted run");
    }
    for (int i = 0; i < journal.sources().size(); i++) {
      if (!journal.sources().get(i).state().equals(states.get(i).hash())) {
        return anew(
            "the source " + journal.sources().get(i).path() + " changed since an interrupted run");
      }
    }
    try {
      for (ShardInfo shard : journal.shards()) {
        if (!isWhole(shard)) {
          return anew("the shards of an interrupted run are damaged");
        }
      }
      return found;
    } catch (IOException e) {
      return anew("the shards of an interrupted run can't be read");
    }
  }

  private Optional<Journal> anew(String why) {
    listener.message(why + ": starting anew");
    return Optional.empty();
  }

  private boolean isWhole(ShardInfo s) throws IOException {
    return crc(s, ".tokens") == s.tokensCrc()
        && crc(s, ".docs") == s.docsCrc()
        && crc(s, ".names") == s.namesCrc()
        && (s.split() == Split.TRAIN || crc(s, ".text") == s.textCrc());
  }

  private long crc(ShardInfo shard, String suffix) throws IOException {
    return TokenShards.crc(directory.resolve(shard.baseName() + suffix));
  }

  /// Adds the hashes of the documents in these shards.
  void rememberHashes(List<ShardInfo> shards, SeenHashes seen) throws IOException {
    for (ShardInfo shard : shards) {
      ByteBuffer docs =
          ByteBuffer.wrap(Files.readAllBytes(directory.resolve(shard.baseName() + ".docs")))
              .order(ByteOrder.LITTLE_ENDIAN);
      for (int at = 0; at < docs.capacity(); at += DocumentRecord.BYTES) {
        seen.add(new ContentHash(docs.getLong(at + 24), docs.getLong(at + 32)));
      }
    }
  }

  /// Removes copies of archives' large documents that a killed run left behind: each run makes its
  /// own.
  void deleteSpools() throws IOException {
    try (var files = Files.newDirectoryStream(directory, "*.spool")) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }

  /// Removes what is not to be gone on with.
  void delete() throws IOException {
    try (var files = Files.list(directory)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (!NearDuplicates.isFile(file)) {
          Files.delete(file);
        }
      }
    }
  }
}
