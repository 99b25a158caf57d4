// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.io.InputStream;

/// What a source offers next, in its own order. A source's entries are the same, in the same order,
/// at every reading: an interrupted run counts entries to find its place again.
public sealed interface Entry {
  /// Documents up to this size are loaded whole, by any thread; larger ones are streamed.
  int WHOLE_BYTES = 4 << 20;

  /// A path within the source, `/` between its parts.
  String name();

  /// A document small enough to hold.
  ///
  /// @param size bytes, or an estimate of them where only loading tells
  record Text(String name, long size, Loader loader) implements Entry {}

  /// A document too large to hold: read to its end, on the reading thread, before the next entry is
  /// asked for.
  ///
  /// @param heldOutTail the document is a source of its own: its last part is the validation split
  record Streamed(String name, long size, boolean heldOutTail, Opener opener) implements Entry {}

  /// Something that is not in the corpus.
  record Rejected(String name, Reason reason, String detail) implements Entry {}

  /// Reads a document; may be called on any thread, once, until the reader is closed.
  interface Loader {
    /// @throws RejectedException when the document turns out unusable
    Loaded load() throws IOException;

    /// Called instead of [#load] when the document is not wanted: whoever keeps a file open for it
    /// need not.
    default void discard() {}
  }

  /// A document in memory; rows learn their names only here.
  record Loaded(String name, byte[] text) {}

  /// Opens a document for one reading.
  interface Opener {
    InputStream open() throws IOException;
  }
}
