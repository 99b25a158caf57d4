// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/// Names in a zip that several entries have, as programs write that append to one.
public final class ZipNames {
  public static final String WHY = "another entry has its name, and that one is read";

  private ZipNames() {}

  /// Whether the JDK, which finds entries by their names, would read another entry in this one's
  /// place.
  ///
  /// @param entry of the archive's directory
  public static boolean isAnothers(ZipFile zip, ZipEntry entry) {
    ZipEntry found = zip.getEntry(entry.getName());
    return found != null
        && (found.getCrc() != entry.getCrc() || found.getSize() != entry.getSize());
  }
}
