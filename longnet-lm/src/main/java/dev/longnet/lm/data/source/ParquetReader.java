package dev.longnet.lm.data.source;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.ColumnSchema;
import dev.longnet.lm.config.CorpusSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/// A .parquet file, its text in a named top-level column (The Stack: `content`), by Hardwood. Only the columns in use are
/// read.
final class ParquetReader implements DocumentReader {
  private final Path path;
  private final String fileName;
  private final CorpusSource source;
  private final Admission admission;
  private ParquetFileReader file;
  private RowReader rows;
  private long totalRows;
  private long row;
  private boolean ended;

  ParquetReader(Path path, CorpusSource source, Admission admission) {
    this.path = path;
    this.fileName = path.getFileName().toString();
    this.source = source;
    this.admission = admission;
  }

  @Override
  public Entry next() {
    if (ended) {
      return null;
    }
    try {
      if (rows == null) {
        Optional<String> complaint = open();
        if (complaint.isPresent()) {
          // Not the file's fault: the column the user named.
          throw new WrongColumn(complaint.get());
        }
      }
      if (!rows.hasNext()) {
        ended = true;
        if (row != totalRows) {
          throw new RejectedException(Reason.TRUNCATED, "it has " + row + " rows of " + totalRows);
        }
        return null;
      }
      rows.next();
      row++;
      return visit();
    } catch (WrongColumn e) {
      throw new IllegalArgumentException(e.getMessage());
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      // A damaged length asks for one array beyond the heap; nothing else is lost by it.
      ended = true;
      Exception cause = e instanceof Exception x ? x : new IOException("a length in it is beyond the memory", e);
      return GuardedInput.rejection(fileName + " after row " + row, cause);
    }
  }

  private Entry visit() {
    String name = fileName + ":" + row;
    if (!source.nameField().isEmpty() && !rows.isNull(source.nameField())) {
      name = rows.getString(source.nameField());
      if (admission.leavesOut(name)) {
        return new Entry.Rejected(name, Reason.FILTERED, "");
      }
    }
    if (rows.isNull(source.textField())) {
      return new Entry.Rejected(name, Reason.MALFORMED_ROW, "no text in the column " + source.textField());
    }
    byte[] text = rows.getBinary(source.textField());
    if (text.length > admission.policy().maxRowBytes()) {
      return new Entry.Rejected(name, Reason.ROW_TOO_LONG, text.length + " bytes");
    }
    String finalName = name;
    return new Entry.Text(name, text.length, () -> new Entry.Loaded(finalName, text));
  }

  /// @return what is wrong with the columns the user named
  private Optional<String> open() throws IOException {
    file = ParquetFileReader.open(InputFile.of(path));
    totalRows = file.getFileMetaData().numRows();
    Optional<String> complaint = complaint(source.textField(), "text_field");
    if (complaint.isEmpty() && !source.nameField().isEmpty()) {
      complaint = complaint(source.nameField(), "name_field");
    }
    if (complaint.isPresent()) {
      return complaint;
    }
    ColumnProjection columns =
        source.nameField().isEmpty()
            ? ColumnProjection.columns(source.textField())
            : ColumnProjection.columns(source.textField(), source.nameField());
    rows = file.buildRowReader().projection(columns).build();
    return Optional.empty();
  }

  private Optional<String> complaint(String column, String key) {
    for (ColumnSchema c : file.getFileSchema().getColumns()) {
      if (c.name().equals(column) && c.type() == PhysicalType.BYTE_ARRAY && c.maxRepetitionLevel() == 0) {
        return Optional.empty();
      }
    }
    return Optional.of(
        key + " must name a text column of " + path + " (it has "
            + String.join(", ", file.getFileSchema().getColumns().stream().map(ColumnSchema::name).toList())
            + "): " + key + "=" + column);
  }

  /// Hardwood throws IllegalArgumentException about damaged files; this one is the user's.
  private static final class WrongColumn extends RuntimeException {
    private static final long serialVersionUID = 1L;

    WrongColumn(String message) {
      super(message);
    }
  }

  @Override
  public double progress() {
    return ended || totalRows == 0 ? 1 : row / (double) totalRows;
  }

  @Override
  public void close() throws IOException {
    if (rows != null) {
      rows.close();
    }
    if (file != null) {
      file.close();
    }
  }
}
