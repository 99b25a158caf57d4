// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Cuts a text of JSON into its rows.
interface RowCutter {
  /// @param number of the row, from 1
  /// @param length bytes
  /// @param json empty where the row is longer than is read
  record Row(long number, long length, byte[] json) {}

  /// Null at the end.
  @Nullable Row next() throws IOException;

  /// Rows so far.
  long rows();
}
