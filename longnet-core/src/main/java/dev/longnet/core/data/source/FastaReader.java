// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.SequenceRule;
import dev.longnet.core.io.EnvironmentException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A FASTA file, plain or compressed: each record is a document, without its header and its line
/// breaks. Sequences that do not fit into memory pass through a temporary file.
final class FastaReader implements DocumentReader {
  private static final int MAX_HEADER_BYTES = 1 << 16;
  private static final byte[] UTF8_MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  private final Path path;
  private final Reading reading;
  private final String fileName;
  private final SequenceRule rule;
  private final Admission admission;
  private final Path scratch;
  private final boolean alone;

  // Opened by the first call of next().
  private @Nullable GuardedInput input;

  private final byte[] buffer = new byte[1 << 16];
  private int at;
  private int end;

  /// Whether the next byte begins a line.
  private boolean lineStart = true;

  /// The record under way, by the first word of its header; null before the first one.
  private @Nullable String record;

  /// Letters of the record that were read.
  private long position;

  private long entries;
  private boolean ended;
  private @Nullable SequenceText current;

  /// @param reading how the file is packed
  /// @param fileName its path within the source, which globs and languages look at
  /// @param scratch a directory for temporary files
  /// @param alone the file is a source of its own: no filter of names leaves it out, and of a
  ///   single record, the last part makes the validation split
  FastaReader(
      Path path,
      Reading reading,
      String fileName,
      SequenceRule rule,
      Admission admission,
      Path scratch,
      boolean alone) {
    this.path = path;
    this.reading = reading;
    this.fileName = fileName;
    this.rule = rule;
    this.admission = admission;
    this.scratch = scratch;
    this.alone = alone;
  }

  @Override
  public @Nullable Entry next() throws IOException {
    if (current != null) {
      current.close();
      current = null;
    }
    if (ended) {
      return null;
    }
    if (input == null && !alone && admission.leavesOut(fileName)) {
      ended = true;
      return new Entry.Rejected(fileName, Reason.FILTERED, "");
    }
    try {
      Entry entry = read();
      entries++;
      return entry;
    } catch (EnvironmentException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      ended = true;
      return GuardedInput.rejection(record == null ? fileName : fileName + " at " + record, e);
    }
  }

  /// The next document, null at the end.
  private @Nullable Entry read() throws IOException {
    SequenceText text = new SequenceText(scratch, admission.mostBytes());
    current = text;
    long start = position;
    for (int c = peek(); c >= 0; c = peek()) {
      if (lineStart && (c == '>' || c == ';')) {
        if (c == '>' && record != null && (start == 0 || text.size() > 0)) {
          String name = name(start);
          record = null;
          position = 0;
          return entry(name, text, false);
        }
        String header = line();
        if (c == '>') {
          record = firstWord(header);
          position = 0;
          start = 0;
        }
        continue;
      }
      at++;
      lineStart = c == '\n' || c == '\r'; // lines may end with CR, LF or both
      if (c <= ' ') {
        continue;
      }
      if (record == null) {
        throw new RejectedException(Reason.CORRUPT, "a sequence precedes its first header");
      }
      position++;
      boolean known = c != 'N' && c != 'n' || rule.unknown() == SequenceRule.Unknown.KEEP;
      if (!known && rule.unknown() == SequenceRule.Unknown.SPLIT) {
        if (text.size() > 0) {
          return entry(name(start), text, false);
        }
        start = position;
      }
      if (known) {
        boolean lower = rule.letters() == SequenceRule.Case.UPPER && c >= 'a' && c <= 'z';
        text.write(lower ? c - 'a' + 'A' : c);
      }
    }
    ended = true;
    if (record == null || start > 0 && text.size() == 0) {
      return null;
    }
    return entry(name(start), text, alone && entries == 0);
  }

  /// @param start letters of the record before the document
  private String name(long start) {
    return start == 0 ? String.valueOf(record) : record + ":" + (start + 1);
  }

  private Entry entry(String name, SequenceText text, boolean only) {
    Optional<Entry.Rejected> rejected = admission.rejectBySize(name, text.size());
    if (rejected.isPresent()) {
      return rejected.get();
    }
    if (only || text.size() > Entry.WHOLE_BYTES) {
      return new Entry.Streamed(name, text.size(), only, text.opener());
    }
    byte[] bytes = text.bytes();
    return new Entry.Text(name, bytes.length, () -> new Entry.Loaded(name, bytes));
  }

  private static String firstWord(String header) {
    String[] words = header.substring(1).strip().split("\\s+", 2);
    return words[0].isEmpty() ? "unnamed" : words[0];
  }

  /// The rest of a line, up to a length no header has.
  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int c = peek(); c >= 0; c = peek()) {
      at++;
      if (c == '\n' || c == '\r') {
        break;
      }
      if (line.size() < MAX_HEADER_BYTES) {
        line.write(c);
      }
    }
    lineStart = true;
    return line.toString(StandardCharsets.UTF_8);
  }

  /// The next byte, -1 at the end.
  private int peek() throws IOException {
    if (input == null) {
      input = GuardedInput.open(path, reading, admission.policy());
      end = input.readNBytes(buffer, 0, UTF8_MARK.length);
      at = Arrays.equals(Arrays.copyOf(buffer, end), UTF8_MARK) ? end : 0;
    }
    if (at == end) {
      at = 0;
      end = Math.max(0, input.read(buffer));
    }
    return at == end ? -1 : buffer[at] & 0xff;
  }

  @Override
  public double progress() {
    return ended ? 1 : input == null ? 0 : input.progress();
  }

  @Override
  public void close() throws IOException {
    try (SequenceText _ = current;
        InputStream _ = input) {
      return;
    }
  }
}
