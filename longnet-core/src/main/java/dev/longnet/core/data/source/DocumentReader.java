// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Walks one source once. Not for use by several threads, except [Entry.Loader]s.
public interface DocumentReader extends AutoCloseable {

  /// The next entry, or null at the end.
  @Nullable Entry next() throws IOException;

  /// The archive or file of rows that the last entry lay in, by its path within the source; empty
  /// where the entry's own name is that path.
  default String container() {
    return "";
  }

  /// Share of the source already walked, in [0, 1].
  double progress();

  /// Whether no loader handed out still needs this reader open.
  default boolean isIdle() {
    return true;
  }

  @Override
  void close() throws IOException;
}
