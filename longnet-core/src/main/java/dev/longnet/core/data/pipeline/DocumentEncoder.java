// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.source.Admission;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.RawText;
import dev.longnet.core.data.source.Reason;
import dev.longnet.core.data.source.RejectedException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/// What worker threads do: load a document, judge its content, turn it into a shard's bytes. Knows
/// nothing of order.
final class DocumentEncoder {
  private static final boolean SWAP = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN;

  private final Tokenizer tokenizer;
  private final Admission admission;
  private final Duplicates duplicates;
  private final SplitRule rule;
  private final SeenHashes seen;
  private final int tokenBytes;

  DocumentEncoder(
      Tokenizer tokenizer,
      Admission admission,
      Duplicates duplicates,
      SplitRule rule,
      SeenHashes seen) {
    this.tokenizer = tokenizer;
    this.admission = admission;
    this.duplicates = duplicates;
    this.rule = rule;
    this.seen = seen;
    this.tokenBytes = bits(tokenizer) / 8;
  }

  static int bits(Tokenizer tokenizer) {
    return tokenizer.vocabularySize() <= 1 << 16 ? 16 : 32;
  }

  /// A document ready to be written, or why it is not.
  sealed interface Result {
    /// @param group hash of its group, where groups are held out
    /// @param ids as [#pack] gives them, `tokens` of them
    /// @param changed whether they do not give the text back
    /// @param text its own bytes where they are kept
    /// @param signature where near duplicates are looked for
    record Document(
        String name,
        long bytes,
        ContentHash hash,
        Optional<ContentHash> group,
        Split split,
        MemorySegment ids,
        int tokens,
        boolean changed,
        byte[] text,
        Optional<int[]> signature)
        implements Result {}

    record Refused(Entry.Rejected entry) implements Result {}
  }

  /// @param place where the document was found
  Result encode(Entry.Text entry, SplitRule.Place place) {
    Entry.Loaded loaded;
    try {
      loaded = entry.loader().load();
    } catch (RejectedException e) {
      return refused(entry, e.reason(), e.getMessage());
    } catch (IOException e) {
      return refused(entry, Reason.UNREADABLE, String.valueOf(e.getMessage()));
    }
    byte[] bytes = loaded.text();
    Optional<Entry.Rejected> size = admission.rejectBySize(loaded.name(), bytes.length);
    if (size.isPresent()) {
      return new Result.Refused(size.get());
    }
    Optional<Reason> content = Content.judge(bytes, admission.policy());
    if (content.isPresent()) {
      return refused(entry, content.get(), bytes.length + " bytes");
    }
    ContentHash hash = ContentHash.of(bytes);
    // Only earlier documents are in there: asking before the work saves it, the writer asks again
    // in order.
    if (duplicates.kind() != Duplicates.Kind.NONE && seen.contains(hash)) {
      return refused(entry, Reason.DUPLICATE, "");
    }
    Optional<ContentHash> group = rule.group(place, loaded.name());
    Split split = rule.split(hash, group);
    Packed packed = pack(NONE, bytes, true);
    return new Result.Document(
        loaded.name(),
        bytes.length,
        hash,
        group,
        split,
        packed.ids(),
        tokens(packed.ids()),
        packed.changed(),
        split == Split.VALIDATION ? bytes : NONE,
        duplicates.kind() == Duplicates.Kind.NEAR
            ? Optional.of(MinHash.signature(bytes))
            : Optional.empty());
  }

  static final byte[] NONE = {};

  /// @param ids as a shard holds them: 16 or 32 bits each, little-endian, on the heap
  /// @param changed whether they do not give their text back
  record Packed(MemorySegment ids, boolean changed) {}

  /// @param before the last character before the text; empty where it is a document's beginning
  /// @param end whether the end-of-text token follows
  Packed pack(byte[] before, byte[] text, boolean end) {
    // A tokenizer that loses nothing knows no beginning of a text.
    if (tokenBytes == 2 && tokenizer.lossless()) {
      return new Packed(pack(tokenizer.encodeShort(text, end)), false);
    }
    int[] ids = tokenizer.encode(before, text);
    boolean changed = !tokenizer.lossless() && !tokenizer.givesBack(before, text, ids);
    if (end) {
      ids = Arrays.copyOf(ids, ids.length + 1);
      ids[ids.length - 1] = tokenizer.endOfText();
    }
    if (tokenBytes == 2) {
      short[] narrow = new short[ids.length];
      for (int i = 0; i < ids.length; i++) {
        narrow[i] = (short) ids[i];
      }
      return new Packed(pack(narrow), changed);
    }
    for (int i = 0; SWAP && i < ids.length; i++) {
      ids[i] = Integer.reverseBytes(ids[i]);
    }
    return new Packed(MemorySegment.ofArray(ids), changed);
  }

  private static MemorySegment pack(short[] ids) {
    for (int i = 0; SWAP && i < ids.length; i++) {
      ids[i] = Short.reverseBytes(ids[i]);
    }
    return MemorySegment.ofArray(ids);
  }

  /// The end-of-text token, packed.
  MemorySegment end() {
    return pack(NONE, NONE, true).ids();
  }

  TextCuts cuts() {
    return tokenizer.cuts();
  }

  /// How many ids [#pack] packed.
  int tokens(MemorySegment packed) {
    return (int) (packed.byteSize() / tokenBytes);
  }

  private static Result refused(Entry.Text entry, Reason reason, String detail) {
    return new Result.Refused(new Entry.Rejected(entry.name(), reason, detail));
  }

  /// Judgements about content.
  static final class Content {
    private static final int SNIFFED_BYTES = 8000;

    private Content() {}

    static Optional<Reason> judge(byte[] bytes, InputPolicy policy) {
      if (policy.binary() != InputPolicy.Action.KEEP && isBinary(bytes, bytes.length)) {
        return Optional.of(Reason.BINARY);
      }
      if (policy.invalidUtf8() != InputPolicy.Action.KEEP && !RawText.isUtf8(bytes)) {
        return Optional.of(Reason.INVALID_UTF8);
      }
      return Optional.empty();
    }

    /// As [#judge], for one piece of a large document.
    ///
    /// @param before bytes of the document before this piece
    static void judge(byte[] piece, long before, InputPolicy policy) throws RejectedException {
      if (before == 0
          && policy.binary() != InputPolicy.Action.KEEP
          && isBinary(piece, piece.length)) {
        throw new RejectedException(Reason.BINARY, "at its beginning");
      }
      if (policy.invalidUtf8() != InputPolicy.Action.KEEP && !RawText.isUtf8(piece)) {
        throw new RejectedException(Reason.INVALID_UTF8, "after " + before + " bytes");
      }
    }

    static boolean isBinary(byte[] bytes, int length) {
      for (int i = 0; i < Math.min(length, SNIFFED_BYTES); i++) {
        if (bytes[i] == 0) {
          return true;
        }
      }
      return false;
    }
  }
}
