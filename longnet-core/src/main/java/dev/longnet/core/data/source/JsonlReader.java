// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A .jsonl file, plain or compressed: one JSON object a line, its text in a named field. Lines are
/// cut here and parsed by whichever thread loads them.
final class JsonlReader implements DocumentReader {
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(64 << 20)
                  .maxNestingDepth(200)
                  .build())
          // As Python writes them.
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .build();

  private final Path path;
  private final String fileName;
  private final CorpusSource source;
  private final Admission admission;

  @SuppressWarnings("NullAway.Init") // opened by the first call of next()
  private GuardedInput input;

  private byte[] buffer = new byte[1 << 16];
  private int start;
  private int end;
  private long line;
  private boolean ended;

  JsonlReader(Path path, CorpusSource source, Admission admission) {
    this.path = path;
    this.fileName = path.getFileName().toString();
    this.source = source;
    this.admission = admission;
  }

  @Override
  public @Nullable Entry next() {
    if (ended) {
      return null;
    }
    try {
      if (input == null) {
        input = GuardedInput.open(path, admission.policy());
      }
      return nextLine();
    } catch (IOException | RuntimeException e) {
      ended = true;
      return GuardedInput.rejection(fileName + " after line " + line, e);
    }
  }

  private @Nullable Entry nextLine() throws IOException {
    int max = admission.policy().maxRowBytes();
    int scanned = start;
    while (true) {
      int newline = indexOf(scanned);
      if (newline < 0 && end - start > max) {
        return tooLong(max);
      }
      if (newline < 0) {
        scanned = end - start;
        if (fill()) {
          scanned += start;
          continue;
        }
        ended = true;
        newline = end;
        if (start == end) {
          return null;
        }
      }
      int from = start;
      start = Math.min(newline + 1, end);
      line++;
      if (newline - from > max) {
        return new Entry.Rejected(
            fileName + ":" + line, Reason.ROW_TOO_LONG, (newline - from) + " bytes");
      }
      if (!isBlank(from, newline)) {
        byte[] row = Arrays.copyOfRange(buffer, from, newline);
        String name = fileName + ":" + line;
        return new Entry.Text(name, row.length, () -> parse(row, name));
      }
      if (ended) {
        return null;
      }
      scanned = start;
    }
  }

  /// Leaves the rest of a line that does not fit unread in memory.
  private Entry tooLong(int max) throws IOException {
    long bytes = 0;
    line++;
    while (true) {
      int newline = indexOf(start);
      if (newline >= 0) {
        bytes += newline - start;
        start = newline + 1;
        break;
      }
      bytes += end - start;
      start = end;
      if (!fill()) {
        ended = true;
        break;
      }
    }
    return new Entry.Rejected(
        fileName + ":" + line, Reason.ROW_TOO_LONG, bytes + " bytes, max_row_bytes=" + max);
  }

  private int indexOf(int from) {
    for (int i = from; i < end; i++) {
      if (buffer[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  /// Moves what is unread to the front and reads more behind it.
  private boolean fill() throws IOException {
    System.arraycopy(buffer, start, buffer, 0, end - start);
    end -= start;
    start = 0;
    if (end == buffer.length) {
      buffer =
          Arrays.copyOf(
              buffer, Math.min(buffer.length * 2, admission.policy().maxRowBytes() + (1 << 16)));
    }
    int n = input.read(buffer, end, buffer.length - end);
    end += Math.max(0, n);
    return n >= 0;
  }

  private boolean isBlank(int from, int to) {
    for (int i = from; i < to; i++) {
      if (buffer[i] != ' ' && buffer[i] != '\t' && buffer[i] != '\r') {
        return false;
      }
    }
    return true;
  }

  private Entry.Loaded parse(byte[] row, String name) throws IOException {
    boolean isUtf8 = RawText.isUtf8(row);
    if (!isUtf8 && admission.policy().invalidUtf8() != InputPolicy.Action.KEEP) {
      throw new RejectedException(Reason.INVALID_UTF8, row.length + " bytes");
    }
    Row found = new Row(name);
    try (JsonParser parser =
        isUtf8 ? JSON.createParser(row) : JSON.createParser(RawText.decode(row))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new RejectedException(Reason.MALFORMED_ROW, "not a JSON object");
      }
      fields(parser, "", found);
      // A malformed end of the row shows only when it is read.
      if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
        throw new RejectedException(Reason.MALFORMED_ROW, "more than one JSON object");
      }
    } catch (JsonProcessingException e) {
      throw new RejectedException(Reason.INVALID_JSON, String.valueOf(e.getOriginalMessage()));
    }
    String text = found.text;
    if (text == null) {
      throw new RejectedException(
          Reason.MALFORMED_ROW, "no text in a field named " + source.textField());
    }
    if (!source.nameField().isEmpty() && admission.leavesOut(found.name)) {
      throw new RejectedException(Reason.FILTERED, "");
    }
    return new Entry.Loaded(found.name, isUtf8 ? RawText.utf8(text) : RawText.encode(text));
  }

  /// What was found of a row so far, and at which depth: a field at the top comes before one whose
  /// path within other fields reads the same.
  private static final class Row {
    private @Nullable String text;
    private String name;
    private int textDepth = Integer.MAX_VALUE;
    private int nameDepth = Integer.MAX_VALUE;

    Row(String name) {
      this.name = name;
    }
  }

  /// Reads an object's fields up to its end.
  ///
  /// @param prefix the object's own path, with a dot behind it
  private void fields(JsonParser parser, String prefix, Row found) throws IOException {
    int depth = prefix.length();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = prefix + parser.currentName();
      JsonToken value = parser.nextToken();
      if (value == JsonToken.START_OBJECT
          && (source.textField().startsWith(field + ".")
              || source.nameField().startsWith(field + "."))) {
        fields(parser, field + ".", found);
      } else if (field.equals(source.textField())
          && value == JsonToken.VALUE_STRING
          && depth <= found.textDepth) {
        found.text = parser.getText();
        found.textDepth = depth;
      } else if (field.equals(source.nameField())
          && value.isScalarValue()
          && value != JsonToken.VALUE_NULL
          && depth <= found.nameDepth) {
        found.name = parser.getText();
        found.nameDepth = depth;
      } else {
        parser.skipChildren();
      }
    }
  }

  @Override
  public double progress() {
    return ended ? 1 : input == null ? 0 : input.progress();
  }

  @Override
  public void close() throws IOException {
    if (input != null) {
      input.close();
    }
  }
}
