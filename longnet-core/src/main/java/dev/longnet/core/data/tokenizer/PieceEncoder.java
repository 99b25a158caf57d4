// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Encodes whole texts and parts of texts by the library.
///
/// A part is encoded with the character before it, whose own ids are then taken off: what the
/// library does at a text's beginning, it does to that character.
///
/// @param library for whole texts
/// @param continued for text without a beginning
/// @param byteIds the id of each single byte, -1 where there is none
record PieceEncoder(NativeTokenizer library, Continuation continued, int[] byteIds) {
  int[] encode(byte[] utf8) {
    return runs(utf8, library, false);
  }

  int[] encode(byte[] before, byte[] utf8) {
    return before.length == 0 || continued.same()
        ? runs(utf8, library, false)
        : part(before, utf8, false);
  }

  /// Where the ids' text ends, in bytes of `utf8`.
  int[] ends(byte[] before, byte[] utf8) {
    return before.length == 0 || continued.same()
        ? runs(utf8, library, true)
        : part(before, utf8, true);
  }

  private int[] part(byte[] before, byte[] utf8, boolean ends) {
    byte[] joined = Arrays.copyOf(before, before.length + utf8.length);
    System.arraycopy(utf8, 0, joined, before.length, utf8.length);
    int[] head = encode(before);
    int[] all = runs(joined, library, false);
    int common = Arrays.mismatch(head, all);
    if (common >= 0 && common < head.length) {
      // Cut where a token goes on, as a stretch without a place to cut must be.
      return runs(utf8, continued.get(), ends);
    }
    if (!ends) {
      return Arrays.copyOfRange(all, head.length, all.length);
    }
    return Arrays.stream(runs(joined, library, true))
        .skip(head.length)
        .map(end -> Math.max(0, end - before.length))
        .toArray();
  }

  /// @param first for the text up to the first byte that is no text
  private int[] runs(byte[] utf8, NativeTokenizer first, boolean ends) {
    // Four bytes an id, also where every byte is a run of its own.
    IntStream.Builder out = IntStream.builder();
    Utf8Runs.split(
        utf8,
        new Utf8Runs.Sink() {
          private int @Nullable [] replacement;
          private int at;

          @Override
          public void text(String run) {
            NativeTokenizer tokenizer = at == 0 ? first : continued.get();
            int from = at;
            at += run.length() == utf8.length ? run.length() : bytes(run);
            if (ends) {
              add(toBytes(run, tokenizer.ends(run), from));
            } else {
              add(tokenizer.encode(run));
            }
          }

          @Override
          public void invalidByte(int unsigned) {
            at++;
            if (byteIds[unsigned] >= 0) {
              out.add(ends ? at : byteIds[unsigned]);
              return;
            }
            // What has no byte tokens sees what a decoder of UTF-8 shows instead.
            replacement = replacement == null ? continued.get().encode("\uFFFD") : replacement;
            for (int id : replacement) {
              out.add(ends ? at : id);
            }
          }

          private void add(int[] run) {
            for (int id : run) {
              out.add(id);
            }
          }
        });
    return out.build().toArray();
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  /// Ends in characters to ends in bytes, which need not ascend.
  private static int[] toBytes(String run, int[] ends, int from) {
    int[] at = new int[run.codePointCount(0, run.length()) + 1];
    int next = 0;
    for (int i = 0; i < run.length(); i += Character.charCount(run.codePointAt(i))) {
      int c = run.codePointAt(i);
      at[next + 1] = at[next] + (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
      next++;
    }
    return Arrays.stream(ends).map(end -> from + at[end]).toArray();
  }
}
