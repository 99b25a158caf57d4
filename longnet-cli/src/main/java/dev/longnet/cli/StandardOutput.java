// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.EnvironmentException;
import java.io.PrintWriter;

/// Writers swallow what goes wrong on standard output; a full disk must not look like success.
final class StandardOutput {
  static final String LOST =
      "standard output can't be written: its disk is full, or its reader is gone";

  private StandardOutput() {}

  /// @throws EnvironmentException when something printed did not arrive
  static void flush(PrintWriter out) {
    if (lost(out)) {
      throw new EnvironmentException(LOST);
    }
  }

  /// Flushes. picocli's writer does not pass on what System.out met with, so that is asked too.
  static boolean lost(PrintWriter out) {
    return out.checkError() | System.out.checkError();
  }
}
