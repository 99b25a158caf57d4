// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.attention.pattern.ShardCounts.Load;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.TrainingPhase;
import dev.longnet.core.plan.Planner.Candidate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// The time of a step on one device, from counted work.
///
/// Forward, a layer starts the exchange of rows, folds its own rows meanwhile, then those that
/// came. Backward, rows come again while the output projection is gone through; then gradients of
/// other ranks' rows are computed, and travel back while the own ones are. With activation
/// checkpointing a layer's forward pass is there twice. Gradients of parameters are added after the
/// last backward pass, or, where ranks hold parameters for one another, layer by layer in each
/// pass, and parameters travel before they are read. Nothing hides either.
final class StepTimes {
  private final Model of;
  private final ModelConfig model;
  private final TrainingPhase phase;
  private final RankMesh mesh;
  private final Device device;
  private final Map<MixerConfig, List<Candidate>> layers;

  /// Windows of a step that one group takes.
  private final double windows;

  StepTimes(Model of, RankMesh mesh, Device device, Map<MixerConfig, List<Candidate>> layers) {
    this.of = of;
    this.model = of.config;
    this.phase = of.phase;
    this.mesh = mesh;
    this.device = device;
    this.layers = layers;
    this.windows = mesh.mostWindows(phase.windows());
  }

  /// What is the same on every mesh.
  ///
  /// @param tokenwise operations of a token forward, all layers and the output
  /// @param head those of the output
  /// @param forwards how often a layer's forward pass is done
  /// @param elementBytes of keys and values
  /// @param sharded whether ranks hold parameters for one another
  record Model(
      ModelConfig config,
      TrainingPhase phase,
      double tokenwise,
      double head,
      double parameters,
      int forwards,
      int elementBytes,
      boolean sharded) {
    static Model of(RunConfig config, TrainingPhase phase) {
      ModelConfig model = config.model();
      ModelCost cost = new ModelCost(model);
      return new Model(
          model,
          phase,
          cost.tokenwiseFlops(phase.window()) / phase.window(),
          2.0 * model.vocabulary() * model.hidden(),
          cost.parameters(),
          config.runtime().activationCheckpointing() ? 2 : 1,
          config.runtime().precision() == RuntimeConfig.Precision.BF16 ? 2 : 4,
          config.runtime().shardParameters());
    }
  }

  private List<Candidate> candidates(MixerConfig mixer) {
    return Objects.requireNonNull(layers.get(mixer));
  }

  /// What one layer's attention takes one rank for one window.
  private record Attention(double forward, double backward, double exposed, double hidden) {
    double seconds() {
      return forward + backward + exposed;
    }
  }

  /// Of the slowest part.
  private Attention attention(MixerConfig mixer) {
    return candidates(mixer).stream()
        .map(this::attention)
        .max(Comparator.comparingDouble(Attention::seconds))
        .orElseThrow();
  }

  private Attention attention(Candidate c) {
    double localForward = 0;
    double localBackward = 0;
    double forward = 0;
    double backward = 0;
    for (int branch = 0; branch < c.keys().size(); branch++) {
      Load load = c.part().loads().get(branch);
      Rates.Fold rate = device.rates().of(c.keys().get(branch));
      double pair = 4.0 * model.headSize();
      localForward += pair * load.localPairs() / rate.forward();
      localBackward += 2.5 * pair * load.localPairs() / rate.backward();
      forward += pair * (load.localPairs() + load.remotePairs()) / rate.forward();
      backward += 2.5 * pair * (load.localPairs() + load.remotePairs()) / rate.backward();
    }
    double fetch = travel(c, of.elementBytes);
    double giveBack = travel(c, Float.BYTES);
    // The output projection's backward pass: two products of [tokens, C] and [C, C].
    double join =
        4.0 * model.hidden() * model.hidden() * c.part().tokens() / device.rates().tokenwise();
    double exposed =
        of.forwards * Math.max(0, fetch - localForward)
            + Math.max(0, fetch - join)
            + Math.max(0, giveBack - localBackward);
    double all = (of.forwards + 1) * fetch + giveBack;
    return new Attention(of.forwards * forward, backward, exposed, all - exposed);
  }

  /// Keys and values, or their gradients, of all rows that one window's part wants. What comes from
  /// the same machine and from others comes at the same time. A message's latency counts once for a
  /// pass, whatever its windows.
  private double travel(Candidate c, double bytes) {
    int near = Math.min(device.ranksPerNode(), mesh.sequenceRanks()) - 1;
    int far = mesh.sequenceRanks() - 1 - near;
    double row = 2.0 * model.headSize() * bytes;
    double share = 1.0 / phase.sequences();
    return Math.max(
        device.near().seconds(row * c.near(), c.near() == 0 ? 0 : near * share),
        device.far().seconds(row * c.far(), c.far() == 0 ? 0 : far * share));
  }

  /// Products of the slowest rank in a step. The output's are not done twice with activation
  /// checkpointing.
  private double products() {
    double eachToken = 3 * of.tokenwise + (of.forwards - 1) * (of.tokenwise - of.head);
    return eachToken * mesh.mostTokens(phase.window()) * windows / device.rates().tokenwise();
  }

  /// How often parameters or their gradients travel in a step: out once and back once, or in each
  /// pass out forward and backward and back once.
  private double trips() {
    double passes = Math.ceil(windows / phase.sequences());
    return of.sharded && mesh.ranks() > 1 ? 3 * passes : 2;
  }

  /// Adding gradients and handing out parameters, both float32: each rank sends every other one its
  /// share.
  private double gradients() {
    int ranks = mesh.ranks();
    int near = Math.min(device.ranksPerNode(), ranks) - 1;
    int far = ranks - 1 - near;
    double share = 4.0 * of.parameters / ranks;
    // Layer by layer, and what belongs to none.
    int messages = of.sharded ? model.layers() + 1 : 1;
    return trips()
        * Math.max(
            device.near().seconds(share * near, messages * near),
            device.far().seconds(share * far, messages * far));
  }

  double seconds() {
    double sum = products() + gradients();
    for (int layer = 0; layer < model.layers(); layer++) {
      sum += windows * attention(model.mixer(layer)).seconds();
    }
    return sum;
  }

  /// @param alone seconds of one rank
  MeshPlan.Step step(double fastest, double slowest, double balance, double alone) {
    double exposed = 0;
    double hidden = 0;
    for (int layer = 0; layer < model.layers(); layer++) {
      Attention attention = attention(model.mixer(layer));
      exposed += windows * attention.exposed();
      hidden += windows * attention.hidden();
    }
    return new MeshPlan.Step(
        products(),
        branches(),
        exposed,
        hidden,
        gradients(),
        seconds(),
        fastest,
        slowest,
        phase.batchTokens(),
        balance,
        alone / (mesh.ranks() * seconds()));
  }

  private List<MeshPlan.BranchTime> branches() {
    List<MeshPlan.BranchTime> times = new ArrayList<>();
    int number = 0;
    for (Map.Entry<MixerConfig, List<Candidate>> entry : layers.entrySet()) {
      long count =
          IntStream.range(0, model.layers())
              .filter(layer -> model.mixer(layer).equals(entry.getKey()))
              .count();
      Candidate slowest =
          entry.getValue().stream()
              .max(Comparator.comparingDouble(c -> attention(c).seconds()))
              .orElseThrow();
      for (int branch = 0; branch < slowest.keys().size(); branch++) {
        Load load = slowest.part().loads().get(branch);
        long keys = slowest.keys().get(branch);
        double pairs = load.localPairs() + load.remotePairs();
        double flops = 4.0 * model.headSize() * pairs * count * windows;
        Rates.Fold rate = device.rates().of(keys);
        times.add(
            new MeshPlan.BranchTime(
                number,
                branch,
                keys,
                of.forwards * flops / rate.forward(),
                2.5 * flops / rate.backward(),
                pairs == 0 ? 0 : load.remotePairs() / pairs));
      }
      number++;
    }
    return times;
  }

  /// Of the mixer and part that get most.
  MeshPlan.Exchange exchange() {
    Candidate most =
        layers.values().stream()
            .flatMap(List::stream)
            .max(Comparator.comparingLong(c -> c.near() + c.far()))
            .orElseThrow();
    double rows = most.near() + most.far();
    double wanted = most.part().loads().stream().mapToLong(Load::rows).sum();
    double row = 2.0 * model.headSize();
    double forward = row * of.elementBytes * rows;
    double backward = row * (of.elementBytes + Float.BYTES) * rows;
    double step = 0;
    for (int layer = 0; layer < model.layers(); layer++) {
      double ofLayer =
          candidates(model.mixer(layer)).stream()
              .mapToDouble(c -> (double) c.near() + c.far())
              .max()
              .orElse(0);
      step += ofLayer * row * ((of.forwards + 1) * of.elementBytes + Float.BYTES) * windows;
    }
    double parameters = 4.0 * of.parameters;
    return new MeshPlan.Exchange(
        rows / model.heads(),
        wanted / model.heads(),
        forward,
        backward,
        step,
        trips() * parameters * (mesh.ranks() - 1) / mesh.ranks(),
        tokensToHide(most));
  }

  /// The exchange takes as long for a longer part, but its local branches take longer: in
  /// proportion to its tokens.
  private double tokensToHide(Candidate c) {
    double local = 0;
    for (int branch = 0; branch < c.keys().size(); branch++) {
      Load load = c.part().loads().get(branch);
      if (load.rows() == 0) {
        local +=
            4.0
                * model.headSize()
                * load.localPairs()
                / device.rates().of(c.keys().get(branch)).forward();
      }
    }
    double fetch = travel(c, of.elementBytes);
    return fetch == 0 ? 0 : c.part().tokens() * fetch / local;
  }
}
