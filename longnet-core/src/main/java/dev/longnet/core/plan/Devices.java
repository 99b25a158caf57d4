// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.machine.Environment;
import java.util.List;
import java.util.Locale;

/// Devices known by name. What was measured with this program stands in `docs/measurements`; what
/// was not is said in [Device#basis()] and stands behind a doubt of two.
public final class Devices {
  /// Bytes a second at which a checkpoint is written when nobody says otherwise.
  static final double SAVE_RATE = 1e9;

  /// The doubt of a device that nobody measured.
  static final double DOUBT = 2;

  /// Two cores of a Zen 4 (docs/measurements/operator-zen4.json, training-speed.json): products of
  /// large float32 and bfloat16 matrices, and folds forward and backward, a core.
  private static final double CORE_FP32 = 99e9;

  private static final double CORE_BF16 = 216e9;
  private static final double CORE_FORWARD = 86e9;
  private static final double CORE_BACKWARD = 92e9;

  /// A machine's own loopback, and a network of 10 Gbit/s.
  private static final Link LOOPBACK = new Link(100e-6, 1e9);

  private static final Link TEN_GIGABIT = new Link(200e-6, 1.25e9);

  /// An H100 (docs/measurements/gpu-attention.json, gpu-length.json): branches of 2,048 keys, and
  /// dense attention.
  private static final List<Rates.Fold> H100_FOLDS =
      List.of(new Rates.Fold(2048, 170e12, 200e12), new Rates.Fold(32_768, 400e12, 400e12));

  private static final double H100_PRODUCTS = 750e12;

  /// The share of it that a model of hidden 768 reached (gpu-training.json). Published runs of 8B
  /// models reach half: between them a power of the width.
  private static final double SHARE_768 = 0.14;

  private static final double SHARE_POWER = 0.8;
  private static final double MOST_SHARE = 0.55;

  private Devices() {}

  /// What [#of] knows.
  public static List<String> names() {
    return List.of("cpu", "a100", "h100", "h200");
  }

  /// @param ranksPerNode ranks of one machine; 0: a GPU each on machines of 8, and on CPUs all that
  ///   there are
  /// @param ranks all of them
  /// @throws IllegalArgumentException where nobody knows the name
  public static Device of(
      String name, ModelConfig model, RuntimeConfig runtime, int ranks, int ranksPerNode) {
    int gpus = ranksPerNode == 0 ? 8 : ranksPerNode;
    return switch (name) {
      case "cpu" -> cpu(model, runtime, ranksPerNode == 0 ? ranks : ranksPerNode);
      case "a100" ->
          gpu(name, model, 0.316, 80e9, new Link(5e-6, 200e9), new Link(10e-6, 25e9), gpus);
      case "h100" -> gpu(name, model, 1, 80e9, new Link(5e-6, 300e9), new Link(10e-6, 50e9), gpus);
      case "h200" -> gpu(name, model, 1, 141e9, new Link(5e-6, 300e9), new Link(10e-6, 50e9), gpus);
      default ->
          throw new IllegalArgumentException(
              "device must be one of " + String.join(", ", names()) + " or a file: " + name);
    };
  }

  /// Cores of this machine that a rank has to itself; less than one where ranks share one.
  public static double cores(RuntimeConfig runtime, int ranksPerNode) {
    double here = Environment.here().cores();
    double threads = runtime.threads() > 0 ? runtime.threads() : here;
    return Math.min(threads, here / ranksPerNode);
  }

  private static Device cpu(ModelConfig model, RuntimeConfig runtime, int ranksPerNode) {
    Environment here = Environment.here();
    double each = cores(runtime, ranksPerNode);
    boolean half = runtime.precision() == RuntimeConfig.Precision.BF16;
    double products = (half ? CORE_BF16 : CORE_FP32) * each * Forecast.efficiency(model, runtime);
    return new Device(
        "cpu",
        new Rates(
            products, List.of(new Rates.Fold(2048, CORE_FORWARD * each, CORE_BACKWARD * each))),
        (double) here.memory() / ranksPerNode,
        LOOPBACK,
        TEN_GIGABIT,
        ranksPerNode,
        SAVE_RATE,
        1.5,
        String.format(
            Locale.ROOT,
            "%.3g of this machine's %d cores a rank, at the rates of a Zen 4; its links are guessed",
            each,
            here.cores()));
  }

  /// @param factor of an H100's rates
  private static Device gpu(
      String name,
      ModelConfig model,
      double factor,
      double memory,
      Link near,
      Link far,
      int ranksPerNode) {
    double share = Math.min(MOST_SHARE, SHARE_768 * Math.pow(model.hidden() / 768.0, SHARE_POWER));
    return new Device(
        name,
        new Rates(H100_PRODUCTS * share, H100_FOLDS).faster(factor),
        memory,
        near,
        far,
        ranksPerNode,
        SAVE_RATE,
        DOUBT,
        factor == 1
            ? "bfloat16 rates that this program reached on an H100, at hidden 768; links as published"
            : "an H100's rates by the ratio of published peaks; links as published");
  }
}
