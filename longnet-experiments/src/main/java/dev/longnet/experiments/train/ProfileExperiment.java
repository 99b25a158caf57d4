// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.core.config.AttentionConfig.Dilated;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.lm.model.StepProfile;
import dev.longnet.lm.model.StepProfile.BranchTime;
import dev.longnet.lm.model.StepProfile.Part;
import dev.longnet.lm.model.StepProfile.Report;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.Consumer;

/// Where the time of a recipe's training steps goes.
public final class ProfileExperiment {
  private ProfileExperiment() {}

  /// @param branch what a branch's rows are called, by its number
  public record Result(String name, Precision precision, Report report, List<String> branch) {
    /// One line of the table.
    ///
    /// @param within whether the line is a piece of the part above it, which counts it already
    /// @param nanos of all threads and steps
    /// @param bytes a step; empty where nobody counts them
    public record Line(String what, boolean within, long nanos, OptionalLong bytes) {}

    /// Parts, the pieces of attention below it, and everything else; a part that nobody timed is
    /// left out.
    public List<Line> lines() {
      List<Line> lines = new ArrayList<>();
      for (Part part : Part.values()) {
        StepProfile.Time time = report.time(part);
        if (time.nanos() == 0) {
          continue;
        }
        lines.add(
            new Line(
                part.name().toLowerCase(Locale.ROOT),
                false,
                time.nanos(),
                OptionalLong.of(time.bytes() / report.steps())));
        if (part == Part.ATTENTION && !report.branches().isEmpty()) {
          pieces(lines);
        }
      }
      lines.add(new Line("everything else", false, report.otherNanos(), OptionalLong.empty()));
      return lines;
    }

    private void pieces(List<Line> lines) {
      for (BranchTime time : report.branches()) {
        String name =
            time.index() < branch.size() ? branch.get(time.index()) : "branch " + time.index();
        lines.add(piece(name + ", forward", time.forwardNanos()));
        lines.add(piece(name + ", backward", time.backwardNanos()));
      }
      lines.add(piece("between branches", report.betweenBranches()));
    }

    private static Line piece(String what, long nanos) {
      return new Line(what, true, nanos, OptionalLong.empty());
    }

    /// What a step takes, milliseconds, mean.
    public double stepMilliseconds() {
      return report.milliseconds(report.allNanos());
    }
  }

  /// Rows for the parts of a configuration's step.
  ///
  /// @param timing how many steps are profiled
  /// @param shown takes every result as soon as it is there
  public static Experiment experiment(
      List<RunConfig> configs,
      StepTiming timing,
      Consumer<String> progress,
      Consumer<Result> shown) {
    configs.forEach(config -> {
      if (!config.runtime().device().equals("cpu")) {
        throw new FieldException(
            "%s must be cpu for a profile, a GPU's work is not timed: %s",
            Field.of("runtime.device"), Field.of("runtime.device", config.runtime().device()));
      }
    });
    return new Experiment(
        "profile",
        "Products and attention take most of a training step; what lies between them takes less than a quarter.",
        List.of(ModelSteps.SEED),
        soFar -> {
          List<Result> results = new ArrayList<>();
          for (RunConfig config : configs) {
            results.add(run(config, timing, progress));
            shown.accept(results.getLast());
            soFar.accept(ProfileTable.of(results));
          }
          return ProfileTable.of(results);
        });
  }

  private static Result run(RunConfig config, StepTiming timing, Consumer<String> progress) {
    int steps = timing.steps();
    StepProfile profile = new StepProfile();
    try (ModelSteps own = new ModelSteps(config, profile)) {
      long cold = System.nanoTime();
      double first = own.step();
      for (int i = 1; !timing.warm(i, cold); i++) {
        own.step();
      }
      progress.accept(
          String.format(
              Locale.ROOT, "%s %s: %d steps", config.name(), config.runtime().precision(), steps));
      profile.reset();
      double last = first;
      long began = System.nanoTime();
      for (int i = 0; i < steps; i++) {
        last = own.step();
      }
      Report report =
          profile.report(steps, ModelSteps.threads(config.runtime()), System.nanoTime() - began);
      ModelSteps.requireFalling(first, last);
      return new Result(config.name(), config.runtime().precision(), report, branches(config));
    }
  }

  /// With one mixer for all layers its branches have names; those of several share their numbers.
  private static List<String> branches(RunConfig config) {
    if (config.model().mixers().size() != 1
        || !(config.model().mixer(0) instanceof Dilated dilated)) {
      return List.of();
    }
    List<String> names = new ArrayList<>();
    for (Branch branch : dilated.segments()) {
      names.add(
          String.format(Locale.ROOT, "w %d, r %d", branch.segmentLength(), branch.dilation()));
    }
    return names;
  }
}
