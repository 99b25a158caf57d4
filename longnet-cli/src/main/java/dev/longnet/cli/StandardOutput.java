package dev.longnet.cli;

import dev.longnet.lm.io.EnvironmentException;
import java.io.PrintWriter;

/// Writers swallow what goes wrong on standard output; a full disk must not look like success.
final class StandardOutput {
  static final String LOST = "standard output can't be written: its disk is full, or its reader is gone";

  private StandardOutput() {}

  /// @throws EnvironmentException when something printed did not arrive
  static void flush(PrintWriter out) {
    if (out.checkError()) { // flushes first
      throw new EnvironmentException(LOST);
    }
  }
}
