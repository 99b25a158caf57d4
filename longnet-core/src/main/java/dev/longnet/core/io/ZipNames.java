// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/// What the JDK makes of entries of a zip: of names that several have, as programs write that
/// append to one, and of entries that it does not read.
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

  /// Whether the JDK refuses a whole archive for one entry that is encrypted, compressed by another
  /// method or not named in UTF-8.
  public static boolean isOfOneEntry(ZipException refusal) {
    return String.valueOf(refusal.getMessage())
        .matches(".*(encrypted entry|bad compression method|bad entry name or comment).*");
  }
}
