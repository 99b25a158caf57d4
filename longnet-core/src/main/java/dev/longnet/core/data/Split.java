// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.util.Locale;

/// What a document serves for.
public enum Split {
  TRAIN,
  VALIDATION;

  /// As in file names.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
