// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import java.nio.file.Path;

/// How a run ended.
///
/// @param step the last one that is done
/// @param run the run's directory
public record Result(End end, long step, Path run) {
  /// Why it ended.
  public enum End {
    /// All steps are done, or the time is up; evaluated and reported.
    FINISHED,
    /// The stop was asked for: saved, to be resumed; neither evaluated nor reported.
    STOPPED,
    /// Too many steps in a row were not finite; the last good checkpoint is kept.
    NOT_FINITE
  }
}
