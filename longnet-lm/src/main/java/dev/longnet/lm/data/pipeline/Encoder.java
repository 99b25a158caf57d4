package dev.longnet.lm.data.pipeline;

import dev.longnet.lm.config.Duplicates;
import dev.longnet.lm.config.InputPolicy;
import dev.longnet.lm.data.Split;
import dev.longnet.lm.data.Tokenizer;
import dev.longnet.lm.data.source.Admission;
import dev.longnet.lm.data.source.Entry;
import dev.longnet.lm.data.source.Reason;
import dev.longnet.lm.data.source.RejectedException;
import java.io.IOException;
import java.util.Optional;

/// What worker threads do: load a document, judge its content, turn it into a shard's bytes. Knows nothing of order.
final class Encoder {
  private final Tokenizer tokenizer;
  private final Admission admission;
  private final Duplicates duplicates;
  private final double validation;
  private final SeenHashes seen;
  private final int tokenBytes;

  Encoder(Tokenizer tokenizer, Admission admission, Duplicates duplicates, double validation, SeenHashes seen) {
    this.tokenizer = tokenizer;
    this.admission = admission;
    this.duplicates = duplicates;
    this.validation = validation;
    this.seen = seen;
    this.tokenBytes = bits(tokenizer) / 8;
  }

  static int bits(Tokenizer tokenizer) {
    return tokenizer.vocabularySize() <= 1 << 16 ? 16 : 32;
  }

  /// A document ready to be written, or why it is not.
  sealed interface Result {
    /// @param ids little-endian, `tokens` of them
    /// @param text its own bytes where they are kept
    /// @param signature where near duplicates are looked for
    record Document(
        String name,
        long bytes,
        ContentHash hash,
        Split split,
        byte[] ids,
        int tokens,
        byte[] text,
        Optional<int[]> signature)
        implements Result {}

    record Refused(Entry.Rejected entry) implements Result {}
  }

  Result encode(Entry.Text entry) {
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
    // Only earlier documents are in there: asking before the work saves it, the writer asks again in order.
    if (duplicates.kind() != Duplicates.Kind.NONE && seen.contains(hash)) {
      return refused(entry, Reason.DUPLICATE, "");
    }
    Split split = hash.split(validation);
    int[] ids = tokenizer.encode(bytes);
    return new Result.Document(
        loaded.name(), bytes.length, hash, split, pack(ids, true), ids.length + 1, split == Split.VALIDATION ? bytes : NONE,
        duplicates.kind() == Duplicates.Kind.NEAR ? Optional.of(MinHash.signature(bytes)) : Optional.empty());
  }

  static final byte[] NONE = {};

  /// @param end whether the end-of-text token follows
  byte[] pack(int[] ids, boolean end) {
    byte[] packed = new byte[(ids.length + (end ? 1 : 0)) * tokenBytes];
    int at = 0;
    for (int i = 0; i < ids.length; i++) {
      at = put(packed, at, ids[i]);
    }
    if (end) {
      put(packed, at, tokenizer.endOfText());
    }
    return packed;
  }

  private int put(byte[] out, int at, int id) {
    out[at] = (byte) id;
    out[at + 1] = (byte) (id >>> 8);
    if (tokenBytes == 4) {
      out[at + 2] = (byte) (id >>> 16);
      out[at + 3] = (byte) (id >>> 24);
    }
    return at + tokenBytes;
  }

  Tokenizer tokenizer() {
    return tokenizer;
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
      if (policy.invalidUtf8() != InputPolicy.Action.KEEP && !Utf8.isValid(bytes)) {
        return Optional.of(Reason.INVALID_UTF8);
      }
      return Optional.empty();
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
