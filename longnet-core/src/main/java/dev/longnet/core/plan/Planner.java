// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.TrainingPhase;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/// Plans a recipe's run on meshes of ranks. Rows and operations are counted from the pattern; times
/// follow from the device's rates; of a run whose windows have several lengths the longest is
/// planned.
public final class Planner {
  private final RunConfig config;
  private final Device device;
  private final Reliability reliability;
  private final TrainingPhase phase;
  private final StepTimes.Model model;

  /// Operations of a pass forward over a window, by mixer.
  private final Map<MixerConfig, Double> flops = new HashMap<>();

  private final double oneRankSeconds;

  public Planner(RunConfig config, Device device, Reliability reliability) {
    this.config = config;
    this.device = device;
    this.reliability = reliability;
    this.phase =
        config.training().phases().stream()
            .max(Comparator.comparingInt(TrainingPhase::window))
            .orElseThrow();
    this.model = StepTimes.Model.of(config, phase);
    for (int layer = 0; layer < config.model().layers(); layer++) {
      flops.computeIfAbsent(
          config.model().mixer(layer), mixer -> mixer.mixingFlops(config.model(), phase.window()));
    }
    this.oneRankSeconds =
        new StepTimes(model, RankMesh.ONE, device, candidates(RankMesh.ONE)).seconds();
  }

  /// Meshes side by side: up to `most` of the divisors of a number of ranks, spread over all of
  /// them, as sequence ranks; 1 and the number itself are among them.
  public static List<RankMesh> meshes(int ranks, int most) {
    List<Integer> divisors = new ArrayList<>();
    for (int s = 1; s <= ranks; s++) {
      if (ranks % s == 0) {
        divisors.add(s);
      }
    }
    int all = divisors.size();
    List<RankMesh> meshes = new ArrayList<>();
    for (int i = 0; i < Math.min(most, all); i++) {
      int at = all <= most ? i : (int) Math.round(i * (all - 1.0) / (most - 1));
      meshes.add(new RankMesh(ranks, divisors.get(at)));
    }
    return meshes;
  }

  public MeshPlan plan(RankMesh mesh) {
    Forecast memory = Forecast.of(config.model(), config.training(), config.runtime(), mesh);
    Map<MixerConfig, List<Candidate>> layers = candidates(mesh);
    StepTimes times = new StepTimes(model, mesh, device, layers);
    double slowest =
        new StepTimes(model, mesh, device.faster(1 / device.doubt()), layers).seconds();
    double fastest = new StepTimes(model, mesh, device.faster(device.doubt()), layers).seconds();
    double save = memory.checkpointBytes() / device.saveRate();
    return new MeshPlan(
        mesh,
        phase.window(),
        mesh.mostTokens(phase.window()),
        memory,
        faults(mesh, memory),
        times.step(fastest, slowest, balance(mesh, layers), oneRankSeconds),
        times.exchange(),
        new MeshPlan.Checkpoints(
            save, reliability.meanSeconds(), reliability.interval(save), reliability.lost(save)));
  }

  /// A part of a window that may be the slowest, and rows that come to it.
  ///
  /// @param keys of a segment of each branch
  /// @param near rows of all heads from ranks of the same machine
  /// @param far from others
  record Candidate(LayerWork.Part part, List<Long> keys, long near, long far) {}

  /// By mixer, as it is in its layer.
  private Map<MixerConfig, List<Candidate>> candidates(RankMesh mesh) {
    Map<MixerConfig, List<Candidate>> all = new LinkedHashMap<>();
    for (int layer = 0; layer < config.model().layers(); layer++) {
      all.computeIfAbsent(config.model().mixer(layer), mixer -> candidates(mixer, mesh));
    }
    return all;
  }

  private List<Candidate> candidates(MixerConfig mixer, RankMesh mesh) {
    LayerWork work = new LayerWork(config.model(), mixer, phase.window(), mesh);
    int near = Math.min(device.ranksPerNode(), mesh.sequenceRanks());
    List<Long> keys = work.keys();
    return work.candidates().stream()
        .map(part -> {
          long[] arriving = work.arriving(part, near);
          return new Candidate(part, keys, arriving[0], arriving[1]);
        })
        .toList();
  }

  /// The most operations of a part in all layers forward, over the mean of all parts; the output's
  /// products do not count.
  private double balance(RankMesh mesh, Map<MixerConfig, List<Candidate>> layers) {
    ModelConfig shape = config.model();
    double eachToken = model.tokenwise() - model.head();
    double most = eachToken * mesh.mostTokens(phase.window());
    double all = eachToken * phase.window();
    for (int layer = 0; layer < shape.layers(); layer++) {
      MixerConfig mixer = shape.mixer(layer);
      most +=
          4.0
              * shape.headSize()
              * Objects.requireNonNull(layers.get(mixer)).stream()
                  .mapToDouble(c -> c.part.pairs())
                  .max()
                  .orElse(0);
      all += flops.getOrDefault(mixer, 0.0);
    }
    return most * mesh.sequenceRanks() / all;
  }

  private List<String> faults(RankMesh mesh, Forecast memory) {
    List<String> faults = new ArrayList<>();
    if (memory.memoryBytes() > device.memory()) {
      RuntimeConfig again = config.runtime().withActivationCheckpointing();
      double less = Forecast.of(config.model(), config.training(), again, mesh).memoryBytes();
      faults.add(
          String.format(
              Locale.ROOT,
              "memory does not fit: a rank needs %s and has %s%s",
              Forecast.bytes(memory.memoryBytes()),
              Forecast.bytes(device.memory()),
              config.runtime().activationCheckpointing() || less > device.memory()
                  ? ""
                  : "; runtime.activation_checkpointing=true takes " + Forecast.bytes(less)));
    }
    List<TrainingPhase> phases = config.training().phases();
    phases.stream()
        .filter(mesh::lacksTokens)
        .findFirst()
        .ifPresent(few ->
            faults.add(
                String.format(
                    Locale.ROOT,
                    "more ranks than tokens share a window: %,d ranks, %,d tokens",
                    mesh.sequenceRanks(),
                    few.window())));
    phases.stream()
        .filter(mesh::lacksWindows)
        .findFirst()
        .ifPresent(few ->
            faults.add(
                String.format(
                    Locale.ROOT,
                    "more groups than windows: %,d groups share out the %,d windows of a step",
                    mesh.groups(),
                    few.windows())));
    if (mesh.sequenceRanks() > 1
        && config.model().mixers().stream().anyMatch(MixerConfig::zeroPaddedKeys)) {
      faults.add("zero_padded_keys is for whole windows: ranks cannot share one");
    }
    return faults;
  }
}
