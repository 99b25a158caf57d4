// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.DocumentRecord;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.Split;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Writes one source's documents of one split, shard after shard. A shard that is not committed is
/// written again by the next run, under the same names.
final class ShardWriter implements AutoCloseable {
  private final Path directory;
  private final int source;
  private final Split split;
  private int index;

  /// Of this source and split, in committed shards and the open one.
  private long streamTokens;

  private long streamText;

  private @Nullable Files4 open;
  private long tokens;
  private long documents;
  private long firstToken;
  private long textOffset;

  /// @param committed this source's and split's shards so far
  ShardWriter(Path directory, int source, Split split, Iterable<ShardInfo> committed) {
    this.directory = directory;
    this.source = source;
    this.split = split;
    for (ShardInfo shard : committed) {
      index = Math.max(index, shard.index() + 1);
      streamTokens += shard.tokens();
      streamText += shard.textBytes();
    }
    firstToken = streamTokens;
    textOffset = streamText;
  }

  private static final class Files4 {
    private final ShardFile tokens;
    private final ShardFile docs;
    private final ShardFile names;
    private final @Nullable ShardFile text;

    Files4(Path directory, String base, Split split) throws IOException {
      tokens = new ShardFile(directory.resolve(base + ".tokens"));
      docs = new ShardFile(directory.resolve(base + ".docs"));
      names = new ShardFile(directory.resolve(base + ".names"));
      text = split == Split.VALIDATION ? new ShardFile(directory.resolve(base + ".text")) : null;
    }

    void close() throws IOException {
      try (tokens;
          docs;
          names;
          text) {
        return;
      }
    }
  }

  /// Tokens of the document that [#end] will end.
  ///
  /// @param text its bytes, kept for validation only
  void append(MemorySegment ids, int tokenCount, byte[] text) throws IOException {
    opened().tokens.write(ids);
    tokens += tokenCount;
    streamTokens += tokenCount;
    ShardFile kept = opened().text;
    if (kept != null) {
      kept.write(MemorySegment.ofArray(text));
      streamText += text.length;
    }
  }

  void end(String name, long bytes, ContentHash hash) throws IOException {
    Files4 files = opened();
    byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
    byte[] shortened = utf8.length > 4096 ? Arrays.copyOf(utf8, 4096) : utf8;
    ByteBuffer record = ByteBuffer.allocate(DocumentRecord.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    new DocumentRecord(
            firstToken,
            streamTokens - firstToken,
            bytes,
            hash.hash0(),
            hash.hash1(),
            textOffset,
            Math.toIntExact(files.names.bytes()),
            shortened.length)
        .write(record);
    files.docs.write(MemorySegment.ofArray(record.array()));
    files.names.write(MemorySegment.ofArray(shortened));
    documents++;
    firstToken = streamTokens;
    textOffset = streamText;
  }

  /// Where the document under way began, for a run that takes it up in the middle.
  long firstToken() {
    return firstToken;
  }

  long textOffset() {
    return textOffset;
  }

  /// Takes up a document that an earlier run began.
  void continueDocument(long firstToken, long textOffset) {
    this.firstToken = firstToken;
    this.textOffset = textOffset;
  }

  /// Closes the open shard, if anything was written to it.
  Optional<ShardInfo> commit() throws IOException {
    if (open == null) {
      return Optional.empty();
    }
    Files4 f = open;
    open = null;
    f.close();
    ShardInfo shard =
        new ShardInfo(
            source,
            split,
            index++,
            tokens,
            documents,
            f.names.bytes(),
            f.text == null ? 0 : f.text.bytes(),
            f.tokens.crc(),
            f.docs.crc(),
            f.names.crc(),
            f.text == null ? 0 : f.text.crc());
    tokens = 0;
    documents = 0;
    return Optional.of(shard);
  }

  private Files4 opened() throws IOException {
    if (open == null) {
      String base = new ShardInfo(source, split, index, 0, 0, 0, 0, 0, 0, 0, 0).baseName();
      open = new Files4(directory, base, split);
    }
    return open;
  }

  @Override
  public void close() throws IOException {
    if (open != null) {
      open.close();
      open = null;
    }
  }
}
