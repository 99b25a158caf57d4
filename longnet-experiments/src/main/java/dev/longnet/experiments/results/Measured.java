// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.machine.Environment;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.OptionalInt;

/// Where a table's numbers come from. What nobody wrote down is empty.
///
/// @param command as it was typed
/// @param commit of the program
/// @param date when it began: `2026-11-27`, or `2026-11-27T07:48Z` with the time
/// @param seeds of random numbers
public record Measured(
    String command, Machine machine, String commit, String date, List<Long> seeds) {

  /// @param cores that the program could use
  /// @param memory such as `24.0 GiB`
  /// @param gpu empty where none was used
  /// @param system such as `Linux 6.1 amd64`
  /// @param java the JVM
  public record Machine(
      String cpu, OptionalInt cores, String memory, String gpu, String system, String java) {
    public static final Machine UNKNOWN = new Machine("", OptionalInt.empty(), "", "", "", "");

    /// This machine. It does not know what its GPU is called.
    public static Machine here() {
      Environment here = Environment.here();
      return new Machine(
          here.cpu(),
          OptionalInt.of(here.cores()),
          Forecast.bytes(here.memory()),
          "",
          here.system(),
          here.java());
    }
  }

  public Measured {
    seeds = List.copyOf(seeds);
    if (!isDate(date)) {
      throw new IllegalArgumentException(
          "date must be such as 2026-11-27 or 2026-11-27T07:48Z: date=" + date);
    }
  }

  /// What is measured here and now.
  public static Measured here(String command, List<Long> seeds) {
    return new Measured(
        command,
        Machine.here(),
        System.getProperty("longnet.commit", ""),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        seeds);
  }

  private static boolean isDate(String date) {
    try {
      return date.isEmpty()
          || (date.contains("T") ? OffsetDateTime.parse(date) : LocalDate.parse(date)) != null;
    } catch (DateTimeException e) {
      return false;
    }
  }
}
