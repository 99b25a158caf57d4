// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.train.PyTorchProcess.FailedException;
import dev.longnet.experiments.train.PyTorchProcess.Variant;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// PyTorch's side of one row: its variants are checked, warmed up, timed in turns with ours. What
/// fails becomes a reason instead of a figure; ours is measured all the same.
final class PyTorchSteps implements AutoCloseable {
  private static final int WARM_UP = 2;

  private final RunConfig config;
  private final Consumer<String> progress;
  private final Map<Variant, List<Double>> seconds = new EnumMap<>(Variant.class);
  private final List<String> reasons = new ArrayList<>();
  private @Nullable PyTorchProcess process;
  private String versions = "";

  PyTorchSteps(RunConfig config, Consumer<String> progress) {
    this.config = config;
    this.progress = progress;
  }

  /// Starts Python on our model as it is now, before its first update. After that, variants that
  /// compute another loss than `ours` are left out.
  void start(Python python, ModelSteps steps) {
    Optional<String> missing = python.missing().or(() -> PyTorchModel.unknown(config));
    if (missing.isPresent()) {
      missing.filter(why -> !why.isEmpty()).ifPresent(reasons::add);
      return;
    }
    progress.accept("PyTorch: starting " + python.command());
    try {
      process =
          new PyTorchProcess(
              python.command(), config, steps.decoder().parameters(), steps.tokens());
      versions = process.versions();
    } catch (IOException | FailedException e) {
      reasons.add(Objects.requireNonNullElse(e.getMessage(), e.toString()));
    }
  }

  /// @param ours the loss of our first step, nats
  void check(double ours) {
    List<Variant> right = new ArrayList<>();
    for (Variant variant : Variant.values()) {
      attempt(
          variant,
          own -> {
            progress.accept("PyTorch: comparing the loss, " + variant.word);
            double loss = own.loss(variant);
            String wrong = difference(ours, loss, config.runtime().precision());
            if (!wrong.isEmpty()) {
              throw new FailedException(wrong);
            }
            right.add(variant);
          });
    }
    // No update before all losses are compared: the variants share their weights.
    for (Variant variant : right) {
      attempt(
          variant,
          own -> {
            progress.accept("PyTorch: warming up, " + variant.word);
            List<Double> losses = own.steps(variant, WARM_UP).losses();
            ModelSteps.requireFalling(ours, losses.getLast());
            seconds.put(variant, new ArrayList<>());
          });
    }
  }

  /// Why a loss is not the same; empty where it is.
  ///
  /// Both are means over the window of -log p, of the same float32 weights. In float32 each carries
  /// some ten roundings of 2^-24 a layer, most of which the mean cancels: 1e-5 of the loss is room
  /// for a hundred that do not. In bfloat16 operands carry 2^-9 each, again mostly cancelled: the
  /// mean may be off by one such rounding. A test shows that another model with the same weights
  /// lies beyond float32's bound.
  static String difference(double ours, double theirs, Precision precision) {
    double tolerance =
        switch (precision) {
          case FP32 -> 1e-5;
          case BF16 -> 0x1p-9;
        };
    return Math.abs(theirs - ours) <= tolerance * Math.abs(ours)
        ? ""
        : String.format(
            Locale.ROOT,
            "refused, its loss is another: %.7f, ours %.7f, allowed %.0e of it",
            theirs,
            ours,
            tolerance);
  }

  /// Times every variant that computes the same.
  void time(int count) {
    for (Variant variant : List.copyOf(seconds.keySet())) {
      attempt(
          variant,
          own ->
              Objects.requireNonNull(seconds.get(variant))
                  .addAll(own.steps(variant, count).seconds()));
    }
  }

  private interface Attempt {
    void on(PyTorchProcess process) throws FailedException;
  }

  private void attempt(Variant variant, Attempt attempt) {
    if (process != null) {
      try {
        attempt.on(process);
      } catch (FailedException e) {
        seconds.remove(variant);
        reasons.add(variant.word + ": " + e.getMessage());
      }
    }
  }

  PyTorchResult result() {
    return new PyTorchResult(versions, median(Variant.EAGER), median(Variant.COMPILED), reasons);
  }

  private OptionalDouble median(Variant variant) {
    List<Double> all = seconds.getOrDefault(variant, List.of());
    return all.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(Statistics.median(all));
  }

  @Override
  public void close() {
    if (process != null) {
      process.close();
    }
  }
}
