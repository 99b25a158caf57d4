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
import dev.longnet.core.io.Texts;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// JSON lines, or an array: objects with their text in a named field. Rows are cut here and parsed
/// by whichever thread loads them.
final class JsonReader implements DocumentReader {
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(64 << 20)
                  .maxNestingDepth(200)
                  // Whatever other fields hold: max_row_bytes bounds them.
                  .maxNumberLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .build())
          // As Python writes them.
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .build();

  private final Path path;
  private final Reading reading;
  private final String fileName;
  private final CorpusSource source;
  private final Admission admission;

  // Opened by the first call of next().
  @SuppressWarnings("NullAway.Init")
  private GuardedInput input;

  private @Nullable RowCutter cutter;
  private boolean ended;

  /// @param reading JSON lines or an array, perhaps packed
  /// @param fileName before the numbers of rows without names
  JsonReader(
      Path path, Reading reading, String fileName, CorpusSource source, Admission admission) {
    this.path = path;
    this.reading = reading;
    this.fileName = fileName;
    this.source = source;
    this.admission = admission;
  }

  @Override
  public @Nullable Entry next() {
    if (ended) {
      return null;
    }
    try {
      RowCutter rows = cutter == null ? open() : cutter;
      RowCutter.Row row = rows.next();
      ended = row == null;
      return row == null ? null : entry(row);
    } catch (IOException | RuntimeException e) {
      ended = true;
      boolean lines = reading.kind() == Reading.Kind.JSON_LINES;
      long read = cutter == null ? 0 : cutter.rows();
      return GuardedInput.rejection(
          fileName + (lines ? " after line " : " after element ") + read, e);
    }
  }

  private RowCutter open() throws IOException {
    input = GuardedInput.open(path, reading, admission.policy());
    int max = admission.policy().maxRowBytes();
    RowCutter rows =
        reading.kind() == Reading.Kind.JSON_LINES
            ? new LineCutter(input, max)
            : new ElementCutter(input, max);
    cutter = rows;
    return rows;
  }

  private Entry entry(RowCutter.Row row) {
    String name = fileName + ":" + row.number();
    int max = admission.policy().maxRowBytes();
    if (row.length() > max) {
      return new Entry.Rejected(
          name, Reason.ROW_TOO_LONG, row.length() + " bytes, max_row_bytes=" + max);
    }
    byte[] json = row.json();
    return new Entry.Text(name, json.length, () -> parse(json, name));
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
        throw new RejectedException(Reason.INVALID_JSON, "more than one JSON object");
      }
    } catch (JsonProcessingException e) {
      throw new RejectedException(Reason.INVALID_JSON, Texts.reason(e));
    } catch (CharConversionException e) { // NUL bytes make a row look like UTF-32
      throw new RejectedException(Reason.INVALID_JSON, String.valueOf(e.getMessage()));
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
