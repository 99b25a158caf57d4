// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// What a process tells the ranks that it starts, besides their numbers. They run the user's own
/// command, and find this in their environment.
///
/// @param run the run's directory, which the first process chose
/// @param resume go on with the run that is there
/// @param terminal whether the first rank prints to a terminal; it can't tell, its input is none
record Handover(Path run, boolean resume, boolean terminal) {
  private static final String RUN = "LONGNET_RUN";
  private static final String RESUME = "LONGNET_RESUME";
  private static final String TERMINAL = "LONGNET_TERMINAL";

  /// Empty where nobody of ours started this process.
  ///
  /// @param environment of a rank
  static Optional<Handover> of(Map<String, String> environment) {
    String run = environment.get(RUN);
    return run == null
        ? Optional.empty()
        : Optional.of(
            new Handover(
                Path.of(run),
                Boolean.parseBoolean(environment.get(RESUME)),
                Boolean.parseBoolean(environment.get(TERMINAL))));
  }

  /// @param environment of a rank that will be started
  void putInto(Map<String, String> environment) {
    environment.put(RUN, run.toString());
    environment.put(RESUME, Boolean.toString(resume));
    environment.put(TERMINAL, Boolean.toString(terminal));
  }
}
