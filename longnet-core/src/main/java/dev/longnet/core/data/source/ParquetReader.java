// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.hardwood.HardwoodContext;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.FileSchema;
import dev.longnet.core.config.CorpusSource;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// A .parquet file, its text in a named column (The Stack: `content`), by Hardwood. Only the
/// columns in use are read.
///
/// On some damaged files Hardwood loops for ever. So rows are fetched in small batches by a thread
/// of their own, and a batch that does not come in time ends the file; the thread, which can't be
/// stopped, is a daemon.
final class ParquetReader implements DocumentReader {
  /// A batch takes milliseconds, a page of a slow disk seconds.
  static final Duration PATIENCE = Duration.ofSeconds(60);

  /// Its pool has a thread a processor by default, and with a single one its tasks wait for each
  /// other for ever.
  private static final int THREADS = Math.max(4, Runtime.getRuntime().availableProcessors());

  private static final int BATCH_ROWS = 256;
  private static final long BATCH_BYTES = 4 << 20;

  private final Path path;
  private final String fileName;
  private final boolean inFolder;
  private final CorpusSource source;
  private final Admission admission;
  private final Duration patience;
  private final Deque<Entry> fetched = new ArrayDeque<>();

  // Opened by the first fetch; null before it, and after one that failed half-way.
  @SuppressWarnings("NullAway.Init")
  private HardwoodContext context;

  @SuppressWarnings("NullAway.Init")
  private ParquetFileReader file;

  @SuppressWarnings("NullAway.Init")
  private RowReader rows;

  @SuppressWarnings("NullAway.Init")
  private ParquetColumn textColumn;

  private @Nullable ParquetColumn nameColumn;

  private volatile long totalRows;
  private volatile long row;
  private long fileBytes;
  private long bytes;
  private boolean ended;
  private boolean stuck;

  /// @param fileName before the numbers of rows without names
  /// @param inFolder nobody named this file: without the text column it is left out
  ParquetReader(
      Path path,
      String fileName,
      boolean inFolder,
      CorpusSource source,
      Admission admission,
      Duration patience) {
    this.path = path;
    this.fileName = fileName;
    this.inFolder = inFolder;
    this.source = source;
    this.admission = admission;
    this.patience = patience;
  }

  @Override
  public @Nullable Entry next() throws IOException {
    if (fetched.isEmpty() && !ended) {
      fetchInTime();
    }
    return fetched.poll();
  }

  private void fetchInTime() throws IOException {
    Deque<Entry> batch = new ConcurrentLinkedDeque<>();
    FutureTask<Void> task =
        new FutureTask<>(() -> {
          fetch(batch);
          return null;
        });
    Thread.ofPlatform().daemon().name("parquet-" + path.getFileName()).start(task);
    try {
      task.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      fetched.addAll(batch);
      ended = fetched.isEmpty();
    } catch (TimeoutException e) {
      ended = true;
      stuck = true;
      fetched.addAll(batch);
      fetched.add(
          rejection(
              new RejectedException(
                  Reason.CORRUPT, "no row came for " + patience.toSeconds() + " s")));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while reading " + path, e);
    } catch (ExecutionException e) {
      ended = true;
      fetched.addAll(batch);
      NativeCode.check(e.getCause());
      switch (Objects.requireNonNull(e.getCause())) {
        case ParquetColumn.WrongColumn user -> {
          if (!inFolder) {
            throw new IllegalArgumentException(user.getMessage());
          }
          fetched.add(new Entry.Rejected(fileName, Reason.BINARY, "Parquet; " + user.getMessage()));
        }
        case Exception damage -> fetched.add(rejection(damage));
        // A damaged length asks for one array beyond the heap; nothing else is lost by it.
        case OutOfMemoryError damage ->
            fetched.add(rejection(new IOException("a length in it is beyond the memory", damage)));
        case Throwable bug -> throw new IllegalStateException(bug);
      }
    }
  }

  private Entry.Rejected rejection(Exception e) {
    return GuardedInput.rejection(fileName + " after row " + row, e);
  }

  /// Runs on the fetching thread, one at a time. Adds nothing at the end.
  ///
  /// @param batch also takes what precedes a failure
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes it, others look
  private void fetch(Deque<Entry> batch) throws IOException {
    if (rows == null) {
      open();
    }
    long batchBytes = 0;
    for (int i = 0; i < BATCH_ROWS && batchBytes < BATCH_BYTES && row < totalRows; i++) {
      if (!rows.hasNext()) {
        throw new RejectedException(Reason.TRUNCATED, "it has " + row + " rows of " + totalRows);
      }
      rows.next();
      row++;
      Entry entry = visit();
      batchBytes += entry instanceof Entry.Text text ? text.size() : 0;
      batch.add(entry);
    }
  }

  private Entry visit() throws IOException {
    // A row costs time even when it is empty.
    count(1);
    String name = fileName + ":" + row;
    String given = nameColumn == null ? null : nameColumn.text(rows);
    if (given != null) {
      name = given;
      count(name.length());
      if (admission.leavesOut(name)) {
        return new Entry.Rejected(name, Reason.FILTERED, "");
      }
    }
    byte[] text = textColumn.bytes(rows);
    if (text == null) {
      return new Entry.Rejected(
          name, Reason.MALFORMED_ROW, "no text in the column " + source.textField());
    }
    count(text.length);
    if (text.length > admission.policy().maxRowBytes()) {
      return new Entry.Rejected(name, Reason.ROW_TOO_LONG, text.length + " bytes");
    }
    String finalName = name;
    return new Entry.Text(name, text.length, () -> new Entry.Loaded(finalName, text));
  }

  /// One value of a dictionary may stand in any number of rows.
  private void count(int more) throws IOException {
    bytes += more;
    GuardedInput.refuseBomb(fileBytes, bytes, admission.policy());
  }

  private void open() throws IOException {
    fileBytes = Files.size(path);
    context = HardwoodContext.create(THREADS);
    file = ParquetFileReader.open(InputFile.of(path), context);
    long inGroups = 0;
    for (RowGroup group : file.getFileMetaData().rowGroups()) {
      inGroups = Math.addExact(inGroups, group.numRows());
    }
    totalRows = file.getFileMetaData().numRows();
    if (totalRows < 0 || inGroups != totalRows) {
      throw new RejectedException(
          Reason.CORRUPT, "its row groups have " + inGroups + " rows, not " + totalRows);
    }
    FileSchema schema = file.getFileSchema();
    List<ParquetColumn> columns = new ArrayList<>();
    textColumn = ParquetColumn.find(schema, source.textField(), "text_field", path);
    columns.add(textColumn);
    if (!source.nameField().isEmpty()) {
      nameColumn = ParquetColumn.find(schema, source.nameField(), "name_field", path);
      columns.add(nameColumn);
    }
    ColumnProjection projection = ParquetColumn.projection(schema, columns);
    checkPages(projection.projectsAll() ? ParquetColumn.all(schema) : columns);
    rows = file.buildRowReader().projection(projection).build();
  }

  private void checkPages(List<ParquetColumn> columns) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      ParquetPages pages = new ParquetPages(channel, admission.policy());
      for (RowGroup group : file.getFileMetaData().rowGroups()) {
        for (ColumnChunk chunk : group.columns()) {
          if (columns.contains(new ParquetColumn(chunk.metaData().pathInSchema().elements()))) {
            pages.check(chunk);
          }
        }
      }
    }
  }

  @Override
  public double progress() {
    return ended || totalRows == 0 ? 1 : Math.min(1, row / (double) totalRows);
  }

  @Override
  public void close() throws IOException {
    if (stuck) {
      // The fetching thread still holds them; closing could wait for it for ever.
      return;
    }
    try (var _ = context;
        var _ = file) {
      if (rows != null) {
        rows.close();
      }
    }
  }
}
