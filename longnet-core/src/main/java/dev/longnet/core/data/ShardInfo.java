// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.util.Locale;

/// One shard: the manifest's line about a group of files whose names start alike.
///
/// - `.tokens`: ids, little-endian, 16 or 32 bits each
/// - `.docs`: [DocumentRecord]s of the documents that end in this shard
/// - `.names`: their names, UTF-8, one after the other
/// - `.text`: the documents' own bytes (validation only)
///
/// @param source index among the corpus' sources; a shard holds one source's documents
/// @param index counts the shards of one source and split
/// @param tokensCrc CRC-32C of the `.tokens` file; the others likewise
public record ShardInfo(
    int source,
    Split split,
    int index,
    long tokens,
    long documents,
    long nameBytes,
    long textBytes,
    long tokensCrc,
    long docsCrc,
    long namesCrc,
    long textCrc) {

  public ShardInfo {
    if (source < 0 || index < 0 || tokens < 0 || documents < 0 || nameBytes < 0 || textBytes < 0) {
      throw new IllegalArgumentException("a shard's numbers must not be negative");
    }
    if (split == null || split == Split.TRAIN && textBytes != 0) {
      throw new IllegalArgumentException("only validation shards hold text");
    }
  }

  /// Common start of its files' names.
  public String baseName() {
    return String.format(Locale.ROOT, "%s-%03d-%06d", split.label(), source, index);
  }
}
