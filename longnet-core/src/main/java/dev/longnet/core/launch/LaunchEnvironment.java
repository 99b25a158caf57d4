// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/// Which rank of how many this process is. The variables of launchers are read in this order:
/// `RANK`, `PET_*`, `SLURM_*`, `JOB_COMPLETION_INDEX`. Two that disagree are an error, except where
/// `RANK` comes from a launcher that others start: this program, or torchrun.
public final class LaunchEnvironment {
  /// Set for the ranks that this program starts itself: the number of the process that did.
  public static final String STARTED_BY = "LONGNET_STARTED_BY";

  /// Set for such ranks where their share of a machine is known otherwise than by their number: how
  /// many cores each has.
  public static final String CORES = "LONGNET_CORES";

  private LaunchEnvironment() {}

  /// @param ranks what the user asked for; a launcher must say the same number. Where a launcher's
  ///   variables describe ranks that nothing started (a shell inside a Slurm allocation), the
  ///   user's number makes them void
  /// @param environment the process's variables
  /// @return empty for a process of its own, which a world of one rank is
  /// @throws IllegalArgumentException with one line: the variable, the rule, the value
  public static Optional<Launch> read(OptionalInt ranks, Map<String, String> environment) {
    Variables variables = new Variables(environment);
    boolean inner = variables.has(STARTED_BY) || RankVariables.fromTorchrun(variables);
    Optional<Claim> byRank = RankVariables.claim(variables);
    List<Claim> claims =
        byRank.isPresent() && inner
            ? List.of(byRank.get())
            : Stream.of(
                    byRank,
                    TrainJobVariables.claim(variables),
                    SlurmVariables.claim(variables),
                    JobVariables.claim(variables))
                .flatMap(Optional::stream)
                .toList();
    if (claims.isEmpty()) {
      RankVariables.refuseHalf(variables);
      if (ranks.isEmpty()) {
        SlurmVariables.refuseWithoutSrun(variables);
        JobVariables.refuseHalf(variables);
      }
      return Optional.empty();
    }
    Claim claim = claims.getFirst();
    for (Claim other : claims.subList(1, claims.size())) {
      // A launcher of one process may start a script that starts ranks.
      if (other.size() > 1 && !claim.sameAs(other)) {
        throw new IllegalArgumentException(
            "two launchers disagree, unset the variables of one of them: "
                + claim.words()
                + " and "
                + other.words());
      }
    }
    if (byRank.isEmpty()) {
      RankVariables.requireSize(variables, claim);
    }
    if (claim.size() == 1) {
      return Optional.empty();
    }
    if (ranks.isPresent() && ranks.getAsInt() != claim.size()) {
      throw new FieldException(
          "%s must be the %d of the launcher, or be left out (%s): %s",
          Field.of("ranks"), claim.size(), claim.words(), Field.of("ranks", ranks.getAsInt()));
    }
    return Optional.of(claim.launch().get());
  }
}
