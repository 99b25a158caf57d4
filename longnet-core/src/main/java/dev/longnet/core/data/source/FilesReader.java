// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.io.ResourceStack;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Several files of one source, one after the other.
final class FilesReader implements DocumentReader {
  private final List<Path> files;
  private final Opener opener;
  private final Function<Path, String> names;
  private String container = "";
  private int opened;
  private @Nullable DocumentReader current;
  private final List<DocumentReader> finished = new ArrayList<>();

  /// Opens one of the files.
  interface Opener {
    DocumentReader open(Path file) throws IOException;
  }

  /// @param names the files' paths within the source
  FilesReader(List<Path> files, Function<Path, String> names, Opener opener) {
    this.files = files;
    this.names = names;
    this.opener = opener;
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
          current = opener.open(file);
          container = current instanceof TextFileReader ? "" : names.apply(file);
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
  public String container() {
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
