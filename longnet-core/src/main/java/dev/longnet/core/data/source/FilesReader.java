// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.io.ResourceStack;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// Several files of one source, one after the other.
final class FilesReader implements DocumentReader {
  private final List<Path> files;
  private final UnaryOperator<Path> names;
  private final Door.Found found;
  private final Door door;
  private Container container = Container.NONE;
  private int opened;
  private @Nullable DocumentReader current;
  private final List<DocumentReader> finished = new ArrayList<>();

  /// @param names a file's path within the source
  FilesReader(List<Path> files, UnaryOperator<Path> names, Door.Found found, Door door) {
    this.files = files;
    this.names = names;
    this.found = found;
    this.door = door;
  }

  @Override
  public @Nullable Entry next() throws IOException {
    while (true) {
      if (current == null) {
        if (opened == files.size()) {
          return null;
        }
        Path file = files.get(opened++);
        try {
          String name =
              names.apply(file).toString().replace(file.getFileSystem().getSeparator(), "/");
          Reading reading = door.look(file, found);
          current = door.open(file, reading, name, found);
          container = Container.of(reading, found == Door.Found.ALONE ? "" : name);
        } catch (IOException e) {
          return GuardedInput.rejection(file.getFileName().toString(), e);
        }
      }
      Entry entry = current.next();
      if (entry != null) {
        return entry;
      }
      finished.add(current);
      current = null;
      closeIdle();
    }
  }

  @Override
  public Container container() {
    return container;
  }

  /// A file that was walked stays open while workers still load from it.
  private void closeIdle() throws IOException {
    for (Iterator<DocumentReader> i = finished.iterator(); i.hasNext(); ) {
      DocumentReader reader = i.next();
      if (reader.isIdle()) {
        i.remove();
        reader.close();
      }
    }
  }

  @Override
  public Map<String, Long> readAs() {
    return door.readAs();
  }

  @Override
  public double progress() {
    double inside = current == null ? 0 : current.progress() - 1;
    return files.isEmpty() ? 1 : (opened + inside) / files.size();
  }

  @Override
  public void close() throws IOException {
    ResourceStack open = new ResourceStack();
    finished.forEach(open::push);
    finished.clear();
    if (current != null) {
      open.push(current);
      current = null;
    }
    open.close();
  }
}
