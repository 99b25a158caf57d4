// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/// What is to be done, before any of it is.
///
/// @param setting what was asked for
/// @param jobs in the order in which they are carried out
public record Plan(Setting setting, List<Planned> jobs) {
  public Plan {
    jobs = List.copyOf(jobs);
  }

  /// How far a job is.
  public enum State {
    /// Its evidence is there.
    DONE,
    /// Its model is trained here, or it has none: it is only to be measured.
    MEASURE,
    /// Its training goes on from a checkpoint.
    RESUME,
    TRAIN,
    /// An earlier job trains its model.
    AFTER
  }

  /// @param hours that are left, by the forecast; 0 where it is done
  /// @param tokens of its training; 0 where nothing is trained
  /// @param flops of its training and measuring
  public record Planned(Job job, State state, double hours, double tokens, double flops) {
    private boolean isCalled(String name) {
      RunId id = job.id();
      return name.equals(id.row()) || name.equals(id.row() + "-seed" + id.seed());
    }
  }

  /// Some of its runs: those of a row (`ours-8k`), or one of them (`ours-8k-seed3`), in the plan's
  /// order. So machines share a plan out.
  ///
  /// @param names none: all runs
  /// @throws FieldException when no run has a name
  public Plan only(List<String> names) {
    for (String name : names) {
      if (jobs.stream().noneMatch(planned -> planned.isCalled(name))) {
        Optional<Planned> row =
            jobs.stream().filter(p -> name.startsWith(p.job.id().row() + "-seed")).findFirst();
        if (row.isPresent()) {
          throw new FieldException(
              "%s must name a seed of the plan: %s has %s",
              Field.of("only", name),
              row.get().job.id().row(),
              jobs.stream()
                  .map(planned -> planned.job.id())
                  .filter(id -> id.row().equals(row.get().job.id().row()))
                  .map(id -> String.valueOf(id.seed()))
                  .distinct()
                  .collect(Collectors.joining(", ")));
        }
        throw new FieldException(
            "%s must name rows of the plan, or runs as ROW-seedN: there are %s",
            Field.of("only", name),
            jobs.stream()
                .map(planned -> planned.job.id().row())
                .distinct()
                .collect(Collectors.joining(", ")));
      }
    }
    return new Plan(
        setting,
        jobs.stream()
            .filter(planned -> names.isEmpty() || names.stream().anyMatch(planned::isCalled))
            .toList());
  }

  /// What is left.
  public List<Planned> open() {
    return jobs.stream().filter(p -> p.state != State.DONE).toList();
  }

  /// Hours of what is left.
  public double hours() {
    return jobs.stream().mapToDouble(Planned::hours).sum();
  }

  /// A table for people.
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "%-10s %-16s %4s  %9s %10s  %-8s %s",
            "experiment",
            "row",
            "seed",
            "tokens",
            "operations",
            "state",
            "hours"));
    for (Planned p : jobs) {
      RunId id = p.job.id();
      lines.add(
          String.format(
              Locale.ROOT,
              "%-10s %-16s %4d  %9s %10s  %-8s %s",
              id.experiment(),
              id.row(),
              id.seed(),
              p.tokens == 0 ? "" : String.format(Locale.ROOT, "%.1f M", p.tokens / 1e6),
              p.flops == 0 ? "" : String.format(Locale.ROOT, "%.2g", p.flops),
              p.state.name().toLowerCase(Locale.ROOT),
              p.state == State.DONE ? "" : duration(p.hours)));
    }
    int done = jobs.size() - open().size();
    lines.add(
        String.format(
            Locale.ROOT,
            "%d runs, %d of them done; what is left takes about %s hours%s",
            jobs.size(),
            done,
            duration(hours()),
            setting.scale() == Scale.GPU ? " of one H100" : " here"));
    return lines;
  }

  private static String duration(double hours) {
    return String.format(Locale.ROOT, hours < 10 ? "%.2f" : "%,.0f", hours);
  }
}
