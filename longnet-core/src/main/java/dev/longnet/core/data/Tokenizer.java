// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.util.Optional;

/// Text to token ids and back. Implementations are immutable and may be used by many threads at
/// once. Text that looks like a special token is ordinary text.
public interface Tokenizer {
  /// The name recipes and manifests use: `bytes`, `cl100k_base`, …
  String name();

  /// Ids are in [0, vocabularySize).
  int vocabularySize();

  /// The id that ends a document in a token stream.
  int endOfText();

  /// @param utf8 the text's bytes; any bytes are allowed and survive a round trip where
  ///   [#lossless()] says so
  int[] encode(byte[] utf8);

  /// As [#encode], in the 16 bits that token shards of vocabularies up to 2^16 hold.
  ///
  /// @param end whether [#endOfText()] follows
  default short[] encodeShort(byte[] utf8, boolean end) {
    int[] ids = encode(utf8);
    short[] narrow = new short[ids.length + (end ? 1 : 0)];
    for (int i = 0; i < ids.length; i++) {
      narrow[i] = (short) ids[i];
    }
    if (end) {
      narrow[ids.length] = (short) endOfText();
    }
    return narrow;
  }

  /// The bytes the ids stand for; [#endOfText()] stands for none.
  byte[] decode(int[] ids);

  /// Whether decode(encode(bytes)) gives the same bytes for every input, also for invalid UTF-8.
  boolean lossless();

  /// Changes when ids come to mean something else: a hash of the vocabulary. Token shards remember
  /// it.
  String fingerprint();

  /// The file that defines it, for checkpoints to carry along; empty for tokenizers known by name.
  default Optional<byte[]> definition() {
    return Optional.empty();
  }
}
