// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.StructAccessor;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.ColumnSchema;
import dev.hardwood.schema.FileSchema;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A text column of a Parquet file, found by its whole path: `text`, `messages.content`.
///
/// @param path its names from the top; a single one may hold dots
record ParquetColumn(List<String> path) {

  /// @param name the names of its path with dots between them; a column at the top comes first
  /// @param key what the user calls it
  /// @throws WrongColumn when there is none, or it holds no text, or several in a row
  static ParquetColumn find(FileSchema schema, String name, String key, Path file) {
    ColumnSchema found = null;
    for (ColumnSchema column : schema.getColumns()) {
      List<String> elements = column.fieldPath().elements();
      boolean named = String.join(".", elements).equals(name);
      if (named && (found == null || elements.size() == 1)) {
        found = column;
      }
    }
    if (found != null
        && found.type() == PhysicalType.BYTE_ARRAY
        && found.maxRepetitionLevel() == 0) {
      return new ParquetColumn(found.fieldPath().elements());
    }
    String all =
        String.join(", ", schema.getColumns().stream().map(ParquetColumn::described).toList());
    throw new WrongColumn(
        key + " must name a text column of " + file + " (it has " + all + "): " + key + "=" + name);
  }

  static List<ParquetColumn> all(FileSchema schema) {
    return schema.getColumns().stream()
        .map(column -> new ParquetColumn(column.fieldPath().elements()))
        .toList();
  }

  private static String described(ColumnSchema column) {
    return String.join(".", column.fieldPath().elements())
        + (column.maxRepetitionLevel() > 0
            ? " in a list"
            : column.type() == PhysicalType.BYTE_ARRAY ? "" : " of numbers");
  }

  /// What to read for these columns. Hardwood looks a name up among last names too; where that
  /// finds another column, every column is read.
  static ColumnProjection projection(FileSchema schema, List<ParquetColumn> wanted) {
    boolean sure =
        wanted.stream()
            .allMatch(w ->
                schema.getColumns().stream()
                    .map(c -> c.fieldPath().elements())
                    .noneMatch(other -> !other.equals(w.path) && w.mistakenFor(other)));
    return sure
        ? ColumnProjection.columns(
            wanted.stream().map(w -> String.join(".", w.path)).toArray(String[]::new))
        : ColumnProjection.all();
  }

  private boolean mistakenFor(List<String> other) {
    String name = String.join(".", path);
    return other.getLast().equals(name) || String.join(".", other).equals(name);
  }

  /// The current row's text; null where it, or what it lies in, is null.
  byte @Nullable [] bytes(RowReader row) {
    StructAccessor at = row;
    for (String name : path.subList(0, path.size() - 1)) {
      if (at.isNull(name)) {
        return null;
      }
      at = at.getStruct(name);
    }
    return at.isNull(path.getLast()) ? null : at.getBinary(path.getLast());
  }

  @Nullable String text(RowReader row) {
    byte[] bytes = bytes(row);
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  /// The user's mistake; Hardwood throws IllegalArgumentException about damaged files.
  static final class WrongColumn extends RuntimeException {
    private static final long serialVersionUID = 1L;

    WrongColumn(String message) {
      super(message);
    }
  }
}
