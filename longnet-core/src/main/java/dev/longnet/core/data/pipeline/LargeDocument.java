// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.Digests;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.Reason;
import dev.longnet.core.data.source.RejectedException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/// A document that does not fit into memory: judged and hashed by one reading, then cut into pieces
/// that workers encode. The build may commit between pieces.
final class LargeDocument {
  private static final int PIECE_BYTES = 1 << 20;

  private final ShardBuild build;
  private final Entry.Streamed entry;
  private final Optional<ContentHash> group;

  LargeDocument(ShardBuild build, Entry.Streamed entry, SplitRule.Place place) {
    this.build = build;
    this.entry = entry;
    this.group = build.rule().group(place, entry.name());
  }

  /// A range of the document's bytes that becomes a document of one split.
  private record Part(long from, long to, Split split) {}

  /// @param open where an earlier run stopped in this document
  void write(Optional<Journal.OpenDocument> open) throws IOException {
    ContentHash hash;
    try {
      hash = judge();
    } catch (IOException e) {
      build.reject(rejection(entry.name(), e));
      return;
    }
    if (!entry.heldOutTail()) {
      if (build.isDuplicate(entry.name(), hash)) {
        return;
      }
      build.remember(hash);
    }
    List<Part> parts = parts(hash);
    for (int i = open.map(Journal.OpenDocument::part).orElse(0); i < parts.size(); i++) {
      Optional<Journal.OpenDocument> here = open;
      open = Optional.empty();
      write(parts.get(i), i, parts.size() > 1, hash, here);
    }
  }

  /// What a failure while reading a large document says about it.
  static Entry.Rejected rejection(String name, IOException e) {
    Reason reason =
        switch (e) {
          case RejectedException rejected -> rejected.reason();
          case ZipException _, EOFException _ -> Reason.CORRUPT;
          default -> Reason.UNREADABLE;
        };
    return new Entry.Rejected(name, reason, String.valueOf(e.getMessage()));
  }

  /// One reading: the hash, and what the policy has against the content. A document that is a
  /// source of its own is hashed by name, size and beginning: there is nothing to compare it with.
  private ContentHash judge() throws IOException {
    InputPolicy policy = build.admission().policy();
    boolean whole = !entry.heldOutTail() || policy.invalidUtf8() != InputPolicy.Action.KEEP;
    MessageDigest sha = Digests.sha256();
    long bytes = 0;
    try (InputStream in = entry.opener().open()) {
      Pieces pieces = new Pieces(in, TextCuts.ANYWHERE, DocumentEncoder.NONE);
      for (TextPieces.Piece piece = pieces.next(); piece != null; piece = pieces.next()) {
        DocumentEncoder.Content.judge(piece.text(), bytes, policy);
        sha.update(piece.text());
        bytes += piece.text().length;
        if (!whole) {
          sha.update((entry.name() + '\0' + entry.size()).getBytes(StandardCharsets.UTF_8));
          return ContentHash.of(sha);
        }
      }
    }
    requireSize(entry, bytes);
    return ContentHash.of(sha);
  }

  /// @param bytes that a reading to the end met with
  static void requireSize(Entry.Streamed entry, long bytes) throws RejectedException {
    if (bytes != entry.size()) {
      throw new RejectedException(
          Reason.CORRUPT, "it holds " + bytes + " bytes, not " + entry.size());
    }
  }

  private List<Part> parts(ContentHash hash) throws IOException {
    double validation = build.rule().share();
    if (!entry.heldOutTail()) {
      return List.of(new Part(0, entry.size(), build.rule().split(hash, group)));
    }
    long cut = characterStart((long) (entry.size() * (1 - validation)));
    if (validation == 0 || cut >= entry.size()) {
      return List.of(new Part(0, entry.size(), Split.TRAIN));
    }
    return List.of(new Part(0, cut, Split.TRAIN), new Part(cut, entry.size(), Split.VALIDATION));
  }

  /// The first character that begins at `position` or after.
  private long characterStart(long position) throws IOException {
    try (InputStream in = entry.opener().open()) {
      in.skipNBytes(position);
      byte[] next = in.readNBytes(3);
      for (int i = 0; i < next.length; i++) {
        if ((next[i] & 0xc0) != 0x80) {
          return position + i;
        }
      }
      return position;
    }
  }

  private void write(
      Part part,
      int index,
      boolean severalParts,
      ContentHash hash,
      Optional<Journal.OpenDocument> open)
      throws IOException {
    ShardWriter writer = build.shardWriter(part.split());
    open.ifPresent(o -> writer.continueDocument(o.firstToken(), o.textOffset()));
    long done = open.map(Journal.OpenDocument::bytesDone).orElse(0L);
    long submitted = done;
    if (open.isPresent()) {
      build.passedOver((part.from() + done) / (double) entry.size());
    }
    Workers<List<DocumentEncoder.Result>> workers = build.workers();
    boolean changed = open.map(Journal.OpenDocument::changed).orElse(false);
    try (InputStream in = entry.opener().open()) {
      int known = (int) Math.min(4, done);
      in.skipNBytes(part.from() + done - known);
      byte[] before = TextPieces.Piece.lastCharacter(DocumentEncoder.NONE, in.readNBytes(known));
      Pieces pieces =
          new Pieces(
              new Limited(in, part.to() - part.from() - done), build.encoder().cuts(), before);
      boolean last = false;
      while (!last || !workers.isEmpty()) {
        while (!last && !workers.isFull()) {
          TextPieces.Piece piece = pieces.next();
          last = piece == null;
          if (piece != null) {
            submitted += piece.text().length;
            workers.submit(
                () -> List.of(encode(piece, part.split())),
                Math.max(PIECE_BYTES, piece.text().length));
          }
        }
        if (!workers.isEmpty()) {
          var result = (DocumentEncoder.Result.Document) workers.take().getFirst();
          writer.append(result.ids(), result.tokens(), result.text());
          done += result.bytes();
          changed |= result.changed();
          build.wrote(result.bytes(), result.tokens());
          build.pieceDone(
              new Journal.OpenDocument(
                  index, done, writer.firstToken(), writer.textOffset(), changed),
              (part.from() + done) / (double) entry.size());
        }
      }
    }
    if (submitted != part.to() - part.from()) {
      throw new IOException(entry.name() + " became shorter while it was read");
    }
    writer.append(build.encoder().end(), 1, DocumentEncoder.NONE);
    build.wrote(0, 1);
    // The parts of one file differ, and so must their hashes.
    ContentHash partHash =
        severalParts ? new ContentHash(hash.hash0() + index, hash.hash1()) : hash;
    writer.end(entry.name(), part.to() - part.from(), partHash);
    build.documentDone(group, part.split(), changed);
  }

  private DocumentEncoder.Result encode(TextPieces.Piece piece, Split split) {
    DocumentEncoder.Packed packed = build.encoder().pack(piece.before(), piece.text(), false);
    return new DocumentEncoder.Result.Document(
        entry.name(),
        piece.text().length,
        new ContentHash(0, 0),
        group,
        split,
        packed.ids(),
        build.encoder().tokens(packed.ids()),
        packed.changed(),
        split == Split.VALIDATION ? piece.text() : DocumentEncoder.NONE,
        Optional.empty());
  }

  /// Cuts a stream where its tokenizer allows it; a stretch without such a place stays whole up to
  /// [TextPieces#LONGEST] bytes.
  static final class Pieces {
    private final InputStream in;
    private final TextCuts cuts;
    private byte[] before;
    private byte[] rest = {};

    /// @param before the last character before `in`; empty at a text's beginning
    Pieces(InputStream in, TextCuts cuts, byte[] before) {
      this.in = in;
      this.cuts = cuts;
      this.before = before;
    }

    /// Null at the end.
    TextPieces.@Nullable Piece next() throws IOException {
      int cut = 0;
      int length = 0;
      byte[] buffer = rest;
      for (int size = PIECE_BYTES; cut == 0 && size <= TextPieces.LONGEST; size *= 2) {
        if (buffer.length >= size) {
          continue;
        }
        length = buffer.length;
        buffer = Arrays.copyOf(buffer, size);
        length += in.readNBytes(buffer, length, size - length);
        if (length < size) {
          cut = length;
          break;
        }
        cut = Utf8.cut(buffer, length, cuts);
      }
      if (length == 0) {
        return null;
      }
      cut = cut == 0 ? TextPieces.beforeCharacter(buffer, length) : cut;
      rest = Arrays.copyOfRange(buffer, cut, length);
      byte[] text = Arrays.copyOf(buffer, cut);
      TextPieces.Piece piece = new TextPieces.Piece(before, text);
      before = TextPieces.Piece.lastCharacter(before, text);
      return piece;
    }
  }

  /// The first so many bytes of a stream.
  private static final class Limited extends InputStream {
    private final InputStream in;
    private long left;

    Limited(InputStream in, long left) {
      this.in = in;
      this.left = left;
    }

    @Override
    public int read() throws IOException {
      if (left == 0) {
        return -1;
      }
      int b = in.read();
      left -= b < 0 ? 0 : 1;
      return b;
    }

    @Override
    public int read(byte[] b, int off, int len) throws IOException {
      if (left == 0) {
        return len == 0 ? 0 : -1;
      }
      int n = in.read(b, off, (int) Math.min(len, left));
      left -= Math.max(0, n);
      return n;
    }
  }
}
