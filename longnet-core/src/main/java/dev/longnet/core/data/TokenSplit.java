// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// The documents of one split, of one source or of all of them one after the other, as a row of
/// tokens.
public final class TokenSplit implements TokenStream {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final List<MappedShard> shards;
  private final int tokenBytes;
  private final int vocabulary;
  private final MappedRow tokens;
  private final MappedRow text;

  /// Documents before each shard, and all of them.
  private final long[] documentStarts;

  /// Where the source of each shard starts in this row.
  private final long[] tokenBase;

  private final long[] textBase;

  TokenSplit(List<MappedShard> shards, int bits, int vocabulary) {
    this.shards = List.copyOf(shards);
    this.tokenBytes = bits / 8;
    this.vocabulary = vocabulary;
    List<MemorySegment> tokenParts = new ArrayList<>();
    List<MemorySegment> textParts = new ArrayList<>();
    this.documentStarts = new long[shards.size() + 1];
    this.tokenBase = new long[shards.size()];
    this.textBase = new long[shards.size()];
    long tokenCount = 0;
    long textCount = 0;
    for (int i = 0; i < shards.size(); i++) {
      MappedShard shard = shards.get(i);
      boolean sameSource = i > 0 && shards.get(i - 1).info().source() == shard.info().source();
      tokenBase[i] = sameSource ? tokenBase[i - 1] : tokenCount;
      textBase[i] = sameSource ? textBase[i - 1] : textCount;
      tokenCount += shard.info().tokens();
      textCount += shard.info().textBytes();
      tokenParts.add(shard.tokens());
      textParts.add(shard.text());
      documentStarts[i + 1] = documentStarts[i] + shard.info().documents();
    }
    this.tokens = new MappedRow(tokenParts);
    this.text = new MappedRow(textParts);
  }

  @Override
  public long size() {
    return tokens.size() / tokenBytes;
  }

  @Override
  public void copy(long from, int count, MemorySegment destination) {
    Objects.checkFromIndexSize(from, count, size());
    long[] at = {0};
    tokens.read(
        from * tokenBytes,
        (long) count * tokenBytes,
        (part, start, bytes) -> {
          long n = bytes / tokenBytes;
          for (long i = 0; i < n; i++) {
            int id =
                tokenBytes == 2
                    ? part.get(SHORT, start + 2 * i) & 0xffff
                    : part.get(INT, start + 4 * i);
            if (Integer.compareUnsigned(id, vocabulary) >= 0) {
              throw new FieldException(
                  "token shards are corrupted (%s names the file): id %s of a vocabulary of %s",
                  Field.of("verify"), Integer.toUnsignedString(id), vocabulary);
            }
            destination.setAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, at[0] + i, id);
          }
          at[0] += n;
        });
  }

  public long documents() {
    return documentStarts[shards.size()];
  }

  /// Document number `index` in the row's order.
  public TokenDocument document(long index) {
    int shard = shardOf(index);
    DocumentRecord record = record(shard, index);
    return new TokenDocument(
        name(shard, record),
        tokenBase[shard] + record.firstToken(),
        record.tokens(),
        record.bytes());
  }

  /// A document's own bytes, before they became tokens. Validation only.
  public byte[] text(long index) {
    return text(index, document(index).bytes());
  }

  /// The first of a document's own bytes.
  ///
  /// @param count at most as many as it has
  public byte[] text(long index, long count) {
    int shard = shardOf(index);
    DocumentRecord record = record(shard, index);
    if (shards.get(shard).info().split() != Split.VALIDATION) {
      throw new IllegalStateException("training documents' own bytes are not kept");
    }
    Objects.checkFromIndexSize(0, count, record.bytes());
    if (record.textOffset() < 0
        || textBase[shard] + record.textOffset() > text.size() - record.bytes()) {
      throw corrupted(index, record);
    }
    byte[] result = new byte[Math.toIntExact(count)];
    int[] at = {0};
    text.read(
        textBase[shard] + record.textOffset(),
        count,
        (part, from, bytes) -> {
          MemorySegment.copy(part, ValueLayout.JAVA_BYTE, from, result, at[0], (int) bytes);
          at[0] += (int) bytes;
        });
    return result;
  }

  private int shardOf(long index) {
    Objects.checkIndex(index, documents());
    int i = Arrays.binarySearch(documentStarts, index);
    if (i < 0) {
      return -i - 2;
    }
    while (documentStarts[i + 1] == index) {
      i++;
    }
    return i;
  }

  private DocumentRecord record(int shard, long index) {
    DocumentRecord record =
        DocumentRecord.read(shards.get(shard).docs(), index - documentStarts[shard]);
    long end = tokenBase[shard] + record.firstToken();
    if (record.firstToken() < 0
        || record.tokens() < 0
        || record.bytes() < 0
        || end > size() - record.tokens()
        || record.nameOffset() < 0
        || record.nameLength() < 0
        || record.nameOffset() > shards.get(shard).names().byteSize() - record.nameLength()) {
      throw corrupted(index, record);
    }
    return record;
  }

  private static FieldException corrupted(long index, DocumentRecord record) {
    return new FieldException(
        "token shards are corrupted (%s names the file): document %s leaves its shard (%s)",
        Field.of("verify"), index, record);
  }

  private String name(int shard, DocumentRecord record) {
    MemorySegment names = shards.get(shard).names();
    byte[] bytes =
        names.asSlice(record.nameOffset(), record.nameLength()).toArray(ValueLayout.JAVA_BYTE);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
