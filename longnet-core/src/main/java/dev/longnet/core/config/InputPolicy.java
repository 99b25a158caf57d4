// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.Objects;

/// What happens to input that is broken, hostile or no text. Whatever is skipped is counted and
/// named.
///
/// @param broken truncated or corrupted archives, climbing names, symlink loops, devices, bombs,
///   malformed rows
/// @param binary documents with a NUL byte among their first 8,000
/// @param invalidUtf8 documents that are not valid UTF-8
/// @param maxRatio an archive or entry that expands further is a bomb
/// @param maxArchiveBytes an archive that expands to more is a bomb
/// @param maxRowBytes longer lines of a `.jsonl` and longer texts of a `.parquet` file are broken
public record InputPolicy(
    Action broken,
    Action binary,
    Action invalidUtf8,
    int maxRatio,
    long maxArchiveBytes,
    int maxRowBytes) {

  public static final InputPolicy DEFAULT =
      new InputPolicy(Action.SKIP, Action.SKIP, Action.KEEP, 200, 1L << 40, 16 << 20);

  /// KEEP makes sense for `binary` and `invalidUtf8` only; REFUSE ends the run with an error that
  /// names the document.
  public enum Action {
    KEEP,
    SKIP,
    REFUSE
  }

  public InputPolicy {
    Objects.requireNonNull(binary, "binary");
    Objects.requireNonNull(invalidUtf8, "invalid_utf8");
    if (broken == Action.KEEP) {
      throw new IllegalArgumentException("broken must be skip or refuse: broken=keep");
    }
    if (maxRatio < 2) {
      throw new IllegalArgumentException("max_ratio must be at least 2: max_ratio=" + maxRatio);
    }
    if (maxArchiveBytes < 1) {
      throw new IllegalArgumentException(
          "max_archive_bytes must be positive: max_archive_bytes=" + maxArchiveBytes);
    }
    if (maxRowBytes < 1024 || maxRowBytes > 64 << 20) {
      throw new IllegalArgumentException(
          "max_row_bytes must be from 1024 to 67108864: max_row_bytes=" + maxRowBytes);
    }
  }
}
