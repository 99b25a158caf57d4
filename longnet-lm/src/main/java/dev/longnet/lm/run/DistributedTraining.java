// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.distributed.Agreement;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.HostedCollectives;
import dev.longnet.lm.distributed.PeerLostException;
import dev.longnet.lm.train.Mesh;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/// Carries out one run in several processes: each calls [#run] with the same recipe and its own
/// member of their group. A process is one rank, or several as threads where the recipe has
/// `training.virtual_shards`.
///
/// The process of rank 0 writes the run's directory, evaluates and reports; the others are done
/// when training is. Their listeners hear the training too, so that each can ask for a stop.
public final class DistributedTraining {
  /// What may differ between the processes: paths, and how many cores a machine has. The tokens are
  /// compared themselves.
  private static final Set<String> OF_A_MACHINE =
      Set.of("corpus.sources", "corpus.tokenizer", "runtime.threads");

  private final RunConfig config;
  private final RuntimeConfig runtime;
  private final Start start;
  private final RunListener listener;
  private final String program;
  private final Collectives world;
  private final int ranks;
  private final int sequenceRanks;

  private DistributedTraining(
      RunConfig config,
      RuntimeConfig runtime,
      Start start,
      RunListener listener,
      String program,
      Collectives world,
      int ranks,
      int sequenceRanks) {
    // Its recipe is read again from other directories.
    this.config = config.withCorpus(config.corpus().absolute());
    this.runtime = runtime;
    this.start = start;
    this.listener = listener;
    this.program = program;
    this.world = world;
    this.ranks = ranks;
    this.sequenceRanks = sequenceRanks;
  }

  /// As [Training#run], on several ranks. What ends one of them ends all: this one gives up with a
  /// word to the others.
  ///
  /// @param listener of this process
  /// @param program who runs it; the same one everywhere
  /// @param world the processes; stays the caller's to close. After it returned, the others may be
  ///   gone, though rank 0 goes on to evaluate before it returns.
  /// @param sequenceRanks so many ranks share each window, a divisor of all of them; 0: all of them
  /// @param threads of each rank where `runtime.threads` is 0 and there are no virtual shards; 0:
  ///   all cores
  /// @throws IllegalArgumentException as [Training#run], and where the processes were not given the
  ///   same
  /// @throws PeerLostException when another process is gone or gave up
  public static Result run(
      RunConfig config,
      Start start,
      RunListener listener,
      String program,
      Collectives world,
      int sequenceRanks,
      int threads)
      throws IOException {
    int shards = config.training().virtualShards();
    int ranks = shards == 0 ? world.size() : shards;
    if (ranks % world.size() != 0) {
      throw new FieldException(
          "%s must be a multiple of the processes, %d",
          Field.of("training.virtual_shards", shards), world.size());
    }
    if (ranks > 1 && !config.runtime().device().equals("cpu")) {
      throw new FieldException(
          "%s must be cpu where several ranks train: their exchange on GPUs is not there yet",
          Field.of("runtime.device", config.runtime().device()));
    }
    // The same number for every number of processes: it decides about bits.
    int settled = shards > 0 ? Math.max(1, config.runtime().threads()) : threads;
    RuntimeConfig runtime =
        config.runtime().threads() == 0 ? config.runtime().withThreads(settled) : config.runtime();
    DistributedTraining training =
        new DistributedTraining(
            config,
            runtime,
            start,
            listener,
            program,
            world,
            ranks,
            sequenceRanks == 0 ? ranks : sequenceRanks);
    try {
      return training.run();
    } catch (IOException | RuntimeException | Error e) {
      if (!(e instanceof PeerLostException)) {
        world.abort(line(e));
      }
      throw e;
    }
  }

  private Result run() throws IOException {
    Agreement.require(world, given());
    double rate =
        world.rank() == 0
            ? Training.forecast(
                config, runtime, start.run(), new RankMesh(ranks, sequenceRanks), listener)
            : Double.NaN;
    try (TokenShards tokens = Tokenization.prepare(config.corpus(), listener)) {
      Agreement.require(world, found(tokens));
      listener.corpus(tokens);
      List<Collectives> here = HostedCollectives.of(world, ranks);
      List<Callable<Result>> own = new ArrayList<>();
      for (Collectives rank : here) {
        RunListener hears = rank == here.getFirst() ? listener : new RunListener() {};
        own.add(() -> train(rank, hears, tokens, rate));
      }
      Result result = RankThreads.run(own, here);
      world.barrier();
      if (world.rank() == 0 && result.end() == Result.End.FINISHED) {
        Parts alone = Parts.of(config, listener, program);
        new Training(config, start, alone).finish(tokens);
      }
      return result;
    }
  }

  private Result train(Collectives rank, RunListener hears, TokenShards tokens, double rate)
      throws IOException {
    try (Mesh mesh = Mesh.of(rank, sequenceRanks)) {
      try {
        return train(mesh, hears, tokens, rate);
      } catch (IOException | RuntimeException | Error e) {
        // Before the mesh is closed: that waits for ranks which do not know yet.
        if (!(e instanceof PeerLostException)) {
          rank.abort(line(e));
        }
        throw e;
      }
    }
  }

  private Result train(Mesh mesh, RunListener hears, TokenShards tokens, double rate)
      throws IOException {
    Parts parts =
        new Parts(
            AttentionOperators.sequenceParallel(runtime, mesh.shards()),
            runtime,
            mesh,
            hears,
            program);
    Training training = new Training(config, start, parts);
    try (RunDirectory directory = training.directory()) {
      return training.train(directory, tokens, rate);
    }
  }

  /// What can be compared before any work.
  private Map<String, String> given() throws IOException {
    Map<String, String> values = new TreeMap<>();
    flatten("", config.toTree(), values);
    values.keySet().removeAll(OF_A_MACHINE);
    values.put("version", program);
    values.put("sequence_ranks", Integer.toString(sequenceRanks));
    values.put("resume", Boolean.toString(start.resume()));
    values.put("init", Boolean.toString(start.init().isPresent()));
    if (start.resume()) {
      List<Path> checkpoints = Checkpoint.list(start.run());
      values.put(
          "checkpoint",
          checkpoints.isEmpty() ? "none" : checkpoints.getLast().getFileName().toString());
    }
    return values;
  }

  private static Map<String, String> found(TokenShards tokens) {
    Map<String, String> values = new TreeMap<>();
    values.put("tokenizer", tokens.manifest().tokenizerFingerprint());
    tokens
        .manifest()
        .shards()
        .forEach(shard ->
            values.put(
                "corpus." + shard.baseName(), shard.tokens() + " tokens, " + shard.tokensCrc()));
    return values;
  }

  private static void flatten(String path, JsonNode node, Map<String, String> into) {
    if (!node.isObject() || OF_A_MACHINE.contains(path)) {
      into.put(path, node.isValueNode() ? node.asText() : node.toString());
      return;
    }
    node.properties()
        .forEach(field ->
            flatten(
                path.isEmpty() ? field.getKey() : path + "." + field.getKey(),
                field.getValue(),
                into));
  }

  /// For the other ranks.
  static String line(Throwable e) {
    @Nullable String message = e.getMessage();
    return message == null || message.isBlank()
        ? e.toString()
        : message.lines().findFirst().orElse("");
  }
}
