// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.Reading;
import dev.longnet.core.data.source.Reason;
import dev.longnet.core.data.source.RejectedException;
import dev.longnet.core.data.source.Sources;
import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The texts of a file that is not one plain text, in its order: the rows of a table, the entries
/// of a tar or of a zip that the JDK does not open, what a compressed file holds. None of them is
/// empty.
final class FileTexts implements Closeable {
  /// What one row or entry has; anything else is wrong with the file.
  private static final Set<Reason> OF_ONE_TEXT =
      EnumSet.of(
          Reason.BINARY,
          Reason.MALFORMED_ROW,
          Reason.HALF_CHARACTER,
          Reason.INVALID_JSON,
          Reason.INVALID_UTF8,
          Reason.ROW_TOO_LONG,
          Reason.TOO_SMALL,
          Reason.LINK,
          Reason.NOT_A_FILE,
          Reason.UNSAFE_NAME);

  private final Path file;
  private final DocumentReader reader;
  private final String suffix;

  /// Whether its texts are entries with names.
  private final boolean archive;

  /// Whether the file is one text that was measured before: it is not unpacked for its length
  /// again.
  private final boolean whole;

  private @Nullable Text measured;
  private long leftOut;
  private @Nullable String firstLeftOut;

  /// A text that may be read until the next one is asked for.
  record Text(long bytes, Entry.Opener opener) {}

  /// @param source the field and the format of rows
  /// @param suffix only entries of an archive whose name ends so
  /// @param known bytes of all its texts, as an earlier reading counted them; 0: not counted
  FileTexts(
      Path file,
      Reading reading,
      CorpusSource source,
      InputPolicy policy,
      boolean inFolder,
      String suffix,
      long known)
      throws IOException {
    this.file = file;
    this.whole = known > 0 && reading.isText();
    this.measured = whole ? new Text(known, () -> Sources.open(file, reading, policy)) : null;
    this.reader = Sources.open(file, reading, source, policy, inFolder);
    this.archive = reading.kind() == Reading.Kind.TAR || reading.kind() == Reading.Kind.ZIP;
    this.suffix = archive ? suffix : "";
  }

  /// Null at the end.
  ///
  /// @throws IllegalArgumentException where the file is damaged
  @Nullable Text next() throws IOException {
    if (whole) {
      Text only = measured;
      measured = null;
      return only;
    }
    for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
      Text text = entry.name().endsWith(suffix) ? text(entry) : null;
      if (text != null && text.bytes > 0) {
        return text;
      }
    }
    return null;
  }

  private @Nullable Text text(Entry entry) throws IOException {
    return switch (entry) {
      case Entry.Streamed large -> new Text(large.size(), large.opener());
      case Entry.Rejected rejected -> leaveOut(rejected);
      case Entry.Text small -> {
        try {
          byte[] bytes = small.loader().load().text();
          yield new Text(bytes.length, () -> new ByteArrayInputStream(bytes));
        } catch (RejectedException e) {
          yield leaveOut(new Entry.Rejected(small.name(), e.reason(), e.getMessage()));
        }
      }
    };
  }

  private @Nullable Text leaveOut(Entry.Rejected rejected) {
    String why =
        rejected.name()
            + ": "
            + rejected.reason().words()
            + (rejected.detail().isEmpty() ? "" : " (" + rejected.detail() + ")");
    // Of an archive: a sparse file, an encrypted entry; unless it is the archive itself that nobody
    // reads further.
    boolean ofOneText =
        OF_ONE_TEXT.contains(rejected.reason())
            || archive
                && rejected.reason() == Reason.UNSUPPORTED
                && !rejected.name().startsWith(String.valueOf(file.getFileName()));
    if (!ofOneText) {
      throw new IllegalArgumentException("can't be read: " + file + ": " + why);
    }
    leftOut++;
    firstLeftOut = firstLeftOut == null ? why : firstLeftOut;
    return null;
  }

  /// What is no text, in a line; empty for nothing.
  String leftOut() {
    return leftOut == 0
        ? ""
        : String.format(Locale.ROOT, "%,d of %s, such as %s", leftOut, file, firstLeftOut);
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
