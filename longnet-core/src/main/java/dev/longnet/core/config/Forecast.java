// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldMessage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/// What a run will need, computed before it starts; of a run on several ranks what one of them
/// needs, and of time and disk what all need together.
///
/// @param parameters of the model
/// @param weightBytes weights in float32, and their bfloat16 copies
/// @param gradientBytes gradients in float32
/// @param optimizerBytes both moments in float32
/// @param activationBytes what the forward pass keeps for the backward pass, and the largest
///   temporaries
/// @param logitBytes the chunk of logits and its gradient
/// @param rowBytes other ranks' keys and values of one layer, their gradients, and both as they
///   travel; 0 for one rank
/// @param checkpointBytes one checkpoint on disk
/// @param flopsPerToken forward and backward
/// @param totalTokens up to the last step that will be done
/// @param mesh of the ranks
public record Forecast(
    long parameters,
    long weightBytes,
    long gradientBytes,
    long optimizerBytes,
    long activationBytes,
    long logitBytes,
    long rowBytes,
    long checkpointBytes,
    double flopsPerToken,
    double totalTokens,
    RankMesh mesh) {

  /// The program itself: code, libtorch, Java heap, buffers of the matrix products.
  public static final long PROGRAM_BYTES = 900L << 20;

  public static Forecast of(ModelConfig model, TrainingConfig training, RuntimeConfig runtime) {
    return of(model, training, runtime, RankMesh.ONE);
  }

  /// Of a rank: every rank has all weights and gradients, or its share of them and those of the
  /// largest layer and of what belongs to none; its share of the optimizer's moments; and the
  /// activations of its part of a window.
  public static Forecast of(
      ModelConfig model, TrainingConfig training, RuntimeConfig runtime, RankMesh mesh) {
    ModelCost cost = new ModelCost(model);
    long parameters = cost.parameters();
    boolean half = runtime.precision() == RuntimeConfig.Precision.BF16;
    long tokens =
        training.phases().stream()
            .mapToLong(phase -> mesh.mostTokens(phase.window()) * phase.sequences())
            .max()
            .orElseThrow();
    long rows =
        training.phases().stream()
            .mapToLong(phase ->
                RankRows.bytes(model, phase.window(), mesh, half ? 2 : 4) * phase.sequences())
            .max()
            .orElseThrow();
    TrainingCost steps = new TrainingCost(model, training);
    long logitRows = Math.min(tokens, runtime.lossChunk());
    long weights = held(model, runtime, mesh) * 4 + (half ? 2 * atOnce(model, runtime, mesh) : 0);
    long gradients = held(model, runtime, mesh) * 4;
    long moments = Math.ceilDiv(parameters * 8, mesh.ranks());
    long activations = activations(model, runtime, tokens, half ? 2 : 4);
    long logits = logitRows * model.vocabulary() * 4 * 3;
    // At the start a rank has all weights, and nothing else yet.
    long start = parameters * (half ? 6 : 4);
    long others = gradients + moments + activations + logits + rows;
    return new Forecast(
        parameters,
        Math.max(weights, start - others),
        gradients,
        moments,
        activations,
        logits,
        rows,
        parameters * 12,
        steps.flopsPerToken(),
        steps.tokens(),
        mesh);
  }

  private static boolean sharded(RuntimeConfig runtime, RankMesh mesh) {
    return runtime.shardParameters() && mesh.ranks() > 1;
  }

  /// Parameters that a rank has at a time, its own beside those of a layer.
  private static long held(ModelConfig model, RuntimeConfig runtime, RankMesh mesh) {
    long all = new ModelCost(model).parameters();
    return sharded(runtime, mesh)
        ? Math.min(all, Math.ceilDiv(all, mesh.ranks()) + atOnce(model, runtime, mesh))
        : all;
  }

  /// Parameters that a pass reads between two exchanges.
  private static long atOnce(ModelConfig model, RuntimeConfig runtime, RankMesh mesh) {
    if (!sharded(runtime, mesh)) {
      return new ModelCost(model).parameters();
    }
    Map<Integer, Long> sizes = new HashMap<>();
    for (Parameter parameter : Blueprint.of(model).parameters()) {
      sizes.merge(Blueprint.layerOf(parameter.name()), parameter.elements(), Long::sum);
    }
    long outside = Objects.requireNonNull(sizes.remove(-1), "embeddings");
    return outside + Collections.max(sizes.values());
  }

  /// Per token and layer the decoder keeps its input and the stream after the mixer (float32, C
  /// each), what the mixer keeps, what the short convolution read, and fc1's output (F) in the
  /// product's type; with activation checkpointing the input alone, and the rest for one layer at a
  /// time, without fc1's output. The backward pass adds the gradient of the stream and what one
  /// layer's mixer needs.
  private static long activations(
      ModelConfig model, RuntimeConfig runtime, long tokens, int bytes) {
    long c = model.hidden();
    long f = model.feedForward();
    long input = tokens * 4 * c;
    long middle = tokens * 4 * c;
    long expanded = tokens * bytes * f;
    long kept = 0;
    long mixed = 0;
    long working = 0;
    for (int layer = 0; layer < model.layers(); layer++) {
      MixerConfig mixer = model.mixer(layer);
      long convolved = tokens * bytes * model.convolvedChannels(mixer);
      long own = middle + convolved + tokens * mixer.keptBytes(model, bytes);
      kept += input + (runtime.activationCheckpointing() ? 0 : own + expanded);
      mixed = Math.max(mixed, own);
      working = Math.max(working, tokens * mixer.backwardBytes(model, bytes));
    }
    kept += runtime.activationCheckpointing() ? mixed : 0;
    long backward = input + working;
    long chunk = Math.min(tokens, runtime.tokenChunk()) * 4 * (4 * c + 4 * f);
    return kept + backward + chunk;
  }

  public long memoryBytes() {
    return weightBytes
        + gradientBytes
        + optimizerBytes
        + activationBytes
        + logitBytes
        + rowBytes
        + PROGRAM_BYTES;
  }

  /// What several ranks of a machine need together.
  ///
  /// @param processes that they live in: each has the program once
  public long memoryBytes(int ranks, int processes) {
    return ranks * (memoryBytes() - PROGRAM_BYTES) + processes * PROGRAM_BYTES;
  }

  /// @param matrixFlops measured rate of a large matrix product, FLOP/s
  /// @param efficiency share of it that training reaches
  public double seconds(double matrixFlops, double efficiency) {
    return totalTokens * flopsPerToken / (matrixFlops * efficiency);
  }

  /// What share of the matrix-product rate training reaches, roughly, as measured on 2 cores
  /// (docs/log.md): small matrices leave more time to everything else, and so do faster ones.
  public static double efficiency(ModelConfig model, RuntimeConfig runtime) {
    boolean half = runtime.precision() == RuntimeConfig.Precision.BF16;
    return model.hidden() < 512 ? half ? 0.25 : 0.4 : half ? 0.6 : 0.8;
  }

  /// @param available bytes of memory this process can still get
  public void requireMemory(
      long available, ModelConfig model, TrainingConfig training, RuntimeConfig runtime) {
    requireMemory(available, 1, 1, model, training, runtime);
  }

  /// As above, for ranks that share a machine.
  ///
  /// @param available bytes of memory they can still get together
  /// @param processes that they live in
  public void requireMemory(
      long available,
      int ranks,
      int processes,
      ModelConfig model,
      TrainingConfig training,
      RuntimeConfig runtime) {
    long need = memoryBytes(ranks, processes);
    if (need <= available) {
      return;
    }
    List<String> advice = new ArrayList<>();
    List<Object> words = new ArrayList<>(List.of(bytes(need), bytes(available)));
    if (!runtime.activationCheckpointing()) {
      long less =
          Forecast.of(model, training, runtime.withActivationCheckpointing(), mesh)
              .memoryBytes(ranks, processes);
      advice.add("%s (%s)");
      words.add(Field.of("runtime.activation_checkpointing", true));
      words.add(bytes(less));
    }
    if (training.sequences() > 1) {
      advice.add("%s");
      words.add(Field.of("training.sequences", 1));
    }
    if (logitBytes > memoryBytes() / 10) {
      advice.add("%s");
      words.add(Field.of("runtime.loss_chunk", Math.max(64, runtime.lossChunk() / 4)));
    }
    advice.add(
        training.windows().isEmpty()
            ? "a training.window below " + training.window()
            : "training.windows of fewer tokens a pass");
    if (ranks > 1) {
      advice.add("fewer ranks on this machine");
    }
    advice.add("a smaller model");
    throw new EnvironmentException(
        new FieldMessage(
            (ranks > 1
                    ? "the " + ranks + " ranks of this machine need"
                    : mesh.ranks() == 1 ? "this run needs" : "each rank of this run needs")
                + " about %s of memory, %s are available; try "
                + String.join(", or ", advice),
            words));
  }

  /// @param usable bytes left on the run's disk
  /// @param keep checkpoints kept; one more exists while it is written
  public void requireDisk(long usable, int keep) {
    long need = checkpointBytes * (keep + 1L);
    if (need > usable) {
      throw new EnvironmentException(
          FieldMessage.of(
              "the checkpoints need %s of disk (%d x %s), %s are left: free some, "
                  + (keep > 1 ? "choose another %s, or %s" : "or choose another %s"),
              bytes(need),
              keep + 1,
              bytes(checkpointBytes),
              bytes(usable),
              Field.of("run"),
              Field.of("checkpoint.keep", 1)));
    }
  }

  /// 1.5 GiB
  public static String bytes(double bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double value = bytes;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(
        Locale.ROOT, value >= 100 || unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }

  /// 1.25 M
  public static String si(double number) {
    String[] units = {"", "k", "M", "G", "T", "P", "E"};
    int unit = 0;
    double value = number;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return String.format(
            Locale.ROOT,
            unit == 0 && value == Math.rint(value) ? "%.0f%s" : "%.3g%s",
            value,
            unit == 0 ? "" : " " + units[unit])
        .strip();
  }
}
