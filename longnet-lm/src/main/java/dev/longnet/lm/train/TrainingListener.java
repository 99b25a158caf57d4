// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.io.IOException;
import java.nio.file.Path;

/// Hears what a run does, on the training thread: progress display, logs.
public interface TrainingListener {
  /// A forward and backward pass of the current step is done.
  ///
  /// @param step 1-based: the step under way
  /// @param passes of it that are done, of `of`
  default void pass(long step, int passes, int of) throws IOException {}

  default void step(StepMetrics metrics) throws IOException {}

  /// @param loss mean over held-out windows, nats a token
  /// @param window their tokens, as many as those of the step before
  default void validation(long step, double loss, int window) throws IOException {}

  default void checkpoint(long step, Path directory) throws IOException {}
}
