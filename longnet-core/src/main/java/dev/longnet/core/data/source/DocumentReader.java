// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Walks one source once. Not for use by several threads, except [Entry.Loader]s.
public interface DocumentReader extends AutoCloseable {

  /// The next entry, or null at the end.
  @Nullable Entry next() throws IOException;

  /// What the last entry lay in.
  default Container container() {
    return Container.NONE;
  }

  /// An archive, or a file of rows or sequences.
  ///
  /// @param path its path within the source; empty where it is the source, or where an entry's own
  ///   name is its path
  /// @param indivisible whether names of entries are no paths
  record Container(String path, boolean indivisible) {
    static final Container NONE = new Container("", false);

    /// @param path the file's within the source
    static Container of(Reading reading, String path) {
      return reading.isText() ? NONE : new Container(path, reading.kind() == Reading.Kind.FASTA);
    }
  }

  /// Share of the source already walked, in [0, 1].
  double progress();

  /// How many files have been read in which way, in words; empty for a reader of one file.
  default Map<String, Long> readAs() {
    return Map.of();
  }

  /// Whether no loader handed out still needs this reader open.
  default boolean isIdle() {
    return true;
  }

  @Override
  void close() throws IOException;
}
