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
import dev.longnet.core.io.FieldMessage;
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
import java.util.concurrent.atomic.AtomicBoolean;

/// Carries out one run in several processes: each calls [#run] with the same recipe and its own
/// member of their group. A process is one rank, or several as threads where the recipe has
/// `training.virtual_shards`.
///
/// All train and evaluate. The process of rank 0 tokenizes, writes the run's directory, the sample
/// and the report; the others wait for it, so that all end together and are started again together.
/// Their listeners hear the training too, so that each can ask for a stop.
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
  private final Processes processes;
  private final RankMesh shape;

  private DistributedTraining(
      RunConfig config,
      Start start,
      RunListener listener,
      String program,
      Collectives world,
      Processes processes) {
    // Its recipe is read again from other directories.
    this.config = config.withCorpus(config.corpus().absolute());
    this.runtime = processes.runtime(config);
    this.start = start;
    this.listener = listener;
    this.program = program;
    this.world = world;
    this.processes = processes;
    this.shape = processes.mesh(config);
  }

  /// As [Training#run], on several ranks. What ends one of them ends all: this one gives up with a
  /// word to the others.
  ///
  /// @param listener of this process
  /// @param program who runs it; the same one everywhere
  /// @param world the processes; stays the caller's to close
  /// @param processes as many as the world has
  /// @throws IllegalArgumentException as [Training#run], and where the processes were not given the
  ///   same
  /// @throws PeerLostException when another process is gone or gave up
  public static Result run(
      RunConfig config,
      Start start,
      RunListener listener,
      String program,
      Collectives world,
      Processes processes)
      throws IOException {
    if (processes.number() != world.size()) {
      throw new IllegalArgumentException(
          "processes must be as many as the world has, " + world.size() + ": " + processes);
    }
    DistributedTraining training =
        new DistributedTraining(config, start, listener, program, world, processes);
    if (training.shape.ranks() > 1 && !config.runtime().device().equals("cpu")) {
      throw new FieldException(
          "%s must be cpu where several ranks train: their exchange on GPUs is not there yet",
          Field.of("runtime.device", config.runtime().device()));
    }
    try {
      return training.run();
    } catch (IOException | RuntimeException | Error e) {
      if (!(e instanceof PeerLostException)) {
        world.abort(FieldMessage.of(e));
      }
      throw e;
    }
  }

  private Result run() throws IOException {
    Agreement.require(world, settings());
    Agreement.requireFound(world, given());
    shape.requireWork(config.training());
    double rate =
        world.rank() == 0
            ? Training.forecast(config, start.run(), processes, listener)
            : Double.NaN;
    try (TokenShards tokens = tokens()) {
      Agreement.requireFound(world, found(tokens));
      listener.corpus(tokens);
      // One lock for all that is written, the report too.
      try (RunDirectory directory = directory()) {
        List<Collectives> here = HostedCollectives.of(world, shape.ranks());
        List<Callable<Result>> own = new ArrayList<>();
        for (Collectives rank : here) {
          RunListener hears = rank == here.getFirst() ? listener : new RunListener() {};
          own.add(() -> train(rank, hears, directory, tokens, rate));
        }
        Result result = RankThreads.run(own, here);
        leave(result);
        return result;
      }
    }
  }

  /// All leave together: a rank that left earlier could not be started again with rank 0, were that
  /// lost. Once all is written, rank 0 needs none of them.
  private void leave(Result result) throws IOException {
    AtomicBoolean written = new AtomicBoolean();
    try {
      if (result.end() == Result.End.FINISHED) {
        Solo.run(
            world,
            () -> {
              alone().finish();
              written.set(true);
              return true;
            });
      }
      world.barrier();
    } catch (PeerLostException e) {
      if (!written.get()) {
        throw e;
      }
    }
  }

  private Training alone() {
    return new Training(config, start, Parts.of(config, listener, program));
  }

  private RunDirectory directory() throws IOException {
    return world.rank() == 0 ? alone().directory() : RunDirectory.ofAnotherRank(start.run());
  }

  /// Rank 0 makes what is missing, where a person sees it. The others find it then, or make their
  /// own where rank 0's cache is not theirs.
  private TokenShards tokens() throws IOException {
    TokenShards made = Solo.run(world, () -> Tokenization.prepare(config.corpus(), listener));
    return made == null ? Tokenization.prepare(config.corpus(), listener) : made;
  }

  private Result train(
      Collectives rank, RunListener hears, RunDirectory directory, TokenShards tokens, double rate)
      throws IOException {
    Mesh mesh = Mesh.of(rank, shape.sequenceRanks());
    Result result = train(mesh, hears, directory, tokens, rate);
    // Not after a failure: that waits for ranks which do not know yet.
    mesh.close();
    return result;
  }

  private Result train(
      Mesh mesh, RunListener hears, RunDirectory directory, TokenShards tokens, double rate)
      throws IOException {
    Parts parts =
        new Parts(
            AttentionOperators.sequenceParallel(runtime, mesh.shards()),
            runtime,
            mesh,
            hears,
            program);
    return new Training(config, start, parts).train(directory, tokens, rate);
  }

  /// What a person sets.
  private Map<String, String> settings() throws IOException {
    Map<String, String> values = new TreeMap<>();
    flatten("", config.toTree(), values);
    values.keySet().removeAll(OF_A_MACHINE);
    if (config.training().virtualShards() > 0) {
      // Then it is not a machine's own matter: it decides about bits.
      values.put("runtime.threads", Integer.toString(runtime.threads()));
    }
    values.put("sequenceRanks", Integer.toString(shape.sequenceRanks()));
    if (start.resume()) {
      values.put("resume", "");
    }
    if (start.init().isPresent()) {
      values.put("init", "");
    }
    return values;
  }

  /// What else can be compared before any work.
  private Map<String, String> given() throws IOException {
    Map<String, String> values = new TreeMap<>();
    values.put("version", program);
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
}
