// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import dev.longnet.core.data.TextDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.IntPredicate;

/// Text of ids whose decoder only the library knows: what a new id adds to the text of a few ids
/// before it. Characters appear when they are whole.
final class LibraryDecoder implements TextDecoder {
  private static final byte[] NONE = {};

  private final NativeTokenizer library;
  private final IntPredicate hasText;

  /// Ids that are shown, as far as they matter to those that follow, and ids that are not.
  private int[] ids = {};

  /// How many of `ids` are shown.
  private int shown;

  LibraryDecoder(NativeTokenizer library, IntPredicate hasText) {
    this.library = library;
    this.hasText = hasText;
  }

  @Override
  public byte[] next(int id) {
    if (!hasText.test(id)) {
      return NONE;
    }
    ids = Arrays.copyOf(ids, ids.length + 1);
    ids[ids.length - 1] = id;
    String before = library.decode(Arrays.copyOf(ids, shown));
    String all = library.decode(ids);
    if (all.length() <= before.length() || all.endsWith("\uFFFD")) {
      return NONE;
    }
    ids = Arrays.copyOfRange(ids, shown, ids.length);
    shown = ids.length;
    return all.substring(before.length()).getBytes(StandardCharsets.UTF_8);
  }
}
