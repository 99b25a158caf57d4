// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

/// Why a document, row or archive is not in the corpus.
public enum Reason {
  /// The globs or languages leave it out.
  FILTERED("left out by globs or languages", Kind.CHOICE),
  TOO_SMALL("smaller than min_bytes", Kind.CHOICE),
  TOO_LARGE("larger than max_bytes", Kind.CHOICE),
  DUPLICATE("exact duplicates", Kind.CHOICE),
  NEAR_DUPLICATE("near duplicates", Kind.CHOICE),
  BINARY("binary (a NUL byte)", Kind.BINARY),
  INVALID_UTF8("not valid UTF-8", Kind.INVALID_UTF8),
  UNREADABLE("unreadable", Kind.BROKEN),
  CORRUPT("corrupted", Kind.BROKEN),
  TRUNCATED("truncated", Kind.BROKEN),
  BOMB("expands beyond the limits", Kind.BROKEN),
  UNSAFE_NAME("names that climb out of the archive", Kind.BROKEN),
  LINK("links that are not followed", Kind.BROKEN),
  NOT_A_FILE("devices, pipes and sockets", Kind.BROKEN),
  ROW_TOO_LONG("rows longer than max_row_bytes", Kind.BROKEN),
  MALFORMED_ROW("rows without the text field", Kind.BROKEN),
  HALF_CHARACTER("rows whose text has half a surrogate pair", Kind.BROKEN),
  INVALID_JSON("rows that are not valid JSON", Kind.BROKEN),
  UNSUPPORTED("of a kind that is not read", Kind.BROKEN);

  private final String words;
  private final Kind kind;

  Reason(String words, Kind kind) {
    this.words = words;
    this.kind = kind;
  }

  /// Which rule decides whether it may be skipped.
  enum Kind {
    CHOICE,
    BINARY,
    INVALID_UTF8,
    BROKEN
  }

  /// For summaries: "3 … : names".
  public String words() {
    return words;
  }

  Kind kind() {
    return kind;
  }
}
