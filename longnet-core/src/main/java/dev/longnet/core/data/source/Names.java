// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

/// Names inside archives.
final class Names {
  /// Entries below this size may expand by any ratio.
  static final long HARMLESS_ENTRY_BYTES = 1 << 20;

  private Names() {}

  /// Whether extracting under this name would write outside a target directory. Nothing is ever
  /// extracted here; such a name marks a hostile archive.
  static boolean isUnsafe(String name) {
    if (name.isEmpty()
        || name.startsWith("/")
        || name.startsWith("\\")
        || name.indexOf('\0') >= 0) {
      return true;
    }
    if (name.length() > 1 && name.charAt(1) == ':' && Character.isLetter(name.charAt(0))) {
      return true;
    }
    for (String part : name.split("[/\\\\]")) {
      if (part.equals("..")) {
        return true;
      }
    }
    return false;
  }
}
