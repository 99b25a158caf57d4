// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

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

  /// The ids of a text's part, as they are in the whole text.
  ///
  /// @param before the last character before the part, which begins at a place of [#cuts()]; empty
  ///   at the text's beginning
  default int[] encode(byte[] before, byte[] utf8) {
    return encode(utf8);
  }

  /// Where a long text may be cut.
  TextCuts cuts();

  /// As [#encode(byte[])], in the 16 bits that token shards of vocabularies up to 2^16 hold.
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

  /// For ids that come one by one: what it gives out joins to [#decode] of all of them.
  default TextDecoder newDecoder() {
    return id -> decode(new int[] {id});
  }

  /// Whether an id stands for text. [#endOfText()] and other control tokens don't, nor do numbers
  /// that are no id.
  default boolean hasText(int id) {
    return id >= 0 && id < vocabularySize() && decode(new int[] {id}).length > 0;
  }

  /// Ids of a model's vocabulary, which may be larger than this tokenizer's, that no text has:
  /// control tokens but the end of text, padding.
  ///
  /// @param vocabulary ids the model knows
  default int[] textless(int vocabulary) {
    return IntStream.range(0, vocabulary).filter(id -> id != endOfText() && !hasText(id)).toArray();
  }

  /// Whether a text's ids give it back, byte for byte.
  ///
  /// @param before as [#encode(byte[], byte[])]
  default boolean givesBack(byte[] before, byte[] utf8, int[] ids) {
    return lossless() || Arrays.equals(decode(ids), utf8);
  }

  /// How many bytes of a text each of its ids stands for, in the order of [#encode]. Bytes that a
  /// tokenizer drops belong to the id after them; what follows the last id belongs to none.
  ///
  /// @param before as [#encode(byte[], byte[])]
  default int[] byteCounts(byte[] before, byte[] utf8) {
    int[] ids = encode(before, utf8);
    int[] counts = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      counts[i] = decode(new int[] {ids[i]}).length;
    }
    return counts;
  }

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
