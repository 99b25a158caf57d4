// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.nio.file.Path;
import java.util.Optional;

/// Where a run lives and what it starts from.
///
/// @param run its directory
/// @param resume go on with the run that is there, from its newest checkpoint
/// @param init whose weights a new run starts with, see [InitialWeights]; empty: random ones
public record Start(Path run, boolean resume, Optional<Checkpoint> init) {
  public Start {
    if (resume && init.isPresent()) {
      throw new FieldException(
          "%s starts a new run, %s goes on with one: give one of them",
          Field.of("init"), Field.of("resume"));
    }
  }

  /// A new run with random weights.
  public static Start anew(Path run) {
    return new Start(run, false, Optional.empty());
  }

  public static Start resumed(Path run) {
    return new Start(run, true, Optional.empty());
  }
}
