// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// When a run saves itself. It always saves at its end and on Ctrl-C.
///
/// @param everySteps 0: not by steps
/// @param everyMinutes 0: not by time
/// @param keep newest checkpoints that stay
public record CheckpointConfig(long everySteps, double everyMinutes, int keep) {
  static CheckpointConfig read(Section s) {
    CheckpointConfig result =
        new CheckpointConfig(
            s.wholeNumber("every_steps", 0, 0),
            s.number("every_minutes", 10, 0, 1e9),
            s.integer("keep", 2, 1));
    s.done();
    return result;
  }
}
