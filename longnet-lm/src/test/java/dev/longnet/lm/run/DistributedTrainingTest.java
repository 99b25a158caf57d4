// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.pipeline.TokenizationProgress;
import dev.longnet.core.evaluate.Evaluation;
import dev.longnet.core.evaluate.SameJson;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.PeerLostException;
import dev.longnet.lm.distributed.ThreadCollectives;
import dev.longnet.lm.train.StepMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A run in several processes; here each is a thread.
class DistributedTrainingTest {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
      model:
        layers: 2
        hidden: 32
        heads: 4
        short_convolution: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, batch_tokens: 256, steps: 20}
      schedule: {warmup_steps: 2}
      evaluation: {every_steps: 10, every_tokens: 256, lengths: [64], tokens: 256, copy_probe: 0}
      sample: {tokens: 4}
      runtime: {threads: 1}
      """;

  @TempDir Path directory;
  private TinyRecipe recipe;

  @BeforeEach
  void corpus() throws IOException {
    recipe = TinyRecipe.write(directory, RECIPE);
    // Locks between processes do not tell threads apart.
    Tokenization.prepare(config().corpus().absolute(), TokenizationListener.NONE).close();
  }

  private RunConfig config(String... overrides) throws IOException {
    return recipe.config(overrides);
  }

  /// What a process does.
  private interface Process {
    Result run(Collectives world) throws IOException;
  }

  private static List<Future<Result>> processes(int count, Process process) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(count)) {
      List<Callable<Result>> all = new ArrayList<>();
      for (Collectives world : ThreadCollectives.of(count)) {
        all.add(() -> process.run(world));
      }
      return threads.invokeAll(all, 2, TimeUnit.MINUTES);
    }
  }

  private static List<Result> results(int count, Process process) throws Exception {
    List<Result> results = new ArrayList<>();
    for (Future<Result> one : processes(count, process)) {
      results.add(one.get());
    }
    return results;
  }

  private static List<Throwable> failures(int count, Process process) throws Exception {
    List<Throwable> failures = new ArrayList<>();
    for (Future<Result> one : processes(count, process)) {
      try {
        one.get();
      } catch (ExecutionException e) {
        failures.add(e.getCause());
      }
    }
    return failures;
  }

  private static Result run(RunConfig config, Start start, RunListener listener, Collectives world)
      throws IOException {
    return DistributedTraining.run(
        config, start, listener, "a test", world, new Processes(world.size(), world.size(), 1, 0));
  }

  /// Remembers losses, and may ask for a stop.
  private static final class Losses implements RunListener {
    private final List<Double> losses = new ArrayList<>();
    private final long stopAfter;
    private Runnable stop = () -> {};

    Losses(long stopAfter) {
      this.stopAfter = stopAfter;
    }

    @Override
    public void training(Path run, long step, boolean resumed, Runnable request) {
      stop = request;
    }

    @Override
    public void step(StepMetrics metrics) {
      losses.add(metrics.loss());
      if (metrics.step() == stopAfter) {
        stop.run();
      }
    }
  }

  private static String weights(Path run) throws Exception {
    byte[] bytes =
        Files.readAllBytes(Checkpoint.resolve(run).directory().resolve("model.safetensors"));
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void threeProcessesTrainWhatOneDoesAndTheFirstFinishesTheRun() throws Exception {
    RunConfig config = config();
    Losses one = new Losses(0);
    Training.run(config, Start.anew(directory.resolve("one")), Parts.of(config, one, "a test"));
    Path run = directory.resolve("many");
    List<Losses> heard = List.of(new Losses(0), new Losses(0), new Losses(0));
    List<Result> results =
        results(3, world -> run(config, Start.anew(run), heard.get(world.rank()), world));
    assertThat(results).containsOnly(new Result(Result.End.FINISHED, 20, run));
    for (Losses rank : heard) {
      assertThat(rank.losses).hasSize(20).isEqualTo(heard.get(0).losses);
    }
    for (int i = 0; i < 20; i++) {
      assertThat(heard.get(0).losses.get(i)).isCloseTo(one.losses.get(i), within(1e-6));
    }
    assertThat(run.resolve("report.html")).exists();
    assertThat(run.resolve("sample.txt")).exists();
    assertThat(run.resolve("metrics.jsonl")).content().contains("bytes_sent");
  }

  /// A run that is over is resumed and evaluated again, by other ranks: lengths, positions, copies
  /// and documents are those of one rank. The difference is that of float32 losses of divided
  /// attention.
  @ParameterizedTest
  @CsvSource({"3,0,0", "4,2,0", "2,1,0", "2,0,8"})
  void ranksEvaluateWhatOneDoes(int processes, int sequenceRanks, int virtualShards)
      throws Exception {
    String[] evaluation = {
      "evaluation.lengths=[10, 64, 200]", "evaluation.tokens=800", "evaluation.copy_probe=4000",
      "training.steps=4", "schedule.warmup_steps=1", "training.window=200",
      "training.batch_tokens=400"
    };
    Path run = directory.resolve("run");
    Parts parts = Parts.of(config(evaluation), new RunListener() {}, "a test");
    Training.run(config(evaluation), Start.anew(run), parts);
    JsonNode one = evaluation(run);
    assertThat(one.at("/copy_probe/octaves")).isNotEmpty();
    Files.delete(run.resolve("evaluation.json"));
    RunConfig config =
        config(
            Stream.concat(
                    Stream.of(evaluation), Stream.of("training.virtual_shards=" + virtualShards))
                .toArray(String[]::new));
    List<Evaluation.Documents> heard = Collections.synchronizedList(new ArrayList<>());
    RunListener listener =
        new RunListener() {
          @Override
          public void scored(Evaluation.Documents documents) {
            heard.add(documents);
          }
        };
    results(
        processes,
        world ->
            DistributedTraining.run(
                config,
                Start.resumed(run),
                listener,
                "a test",
                world,
                new Processes(processes, processes, 1, sequenceRanks)));
    SameJson.require(evaluation(run), one, 1e-6);
    assertThat(heard).hasSize(processes).containsOnly(heard.getFirst());
  }

  private static JsonNode evaluation(Path run) throws IOException {
    JsonNode json = new ObjectMapper().readTree(run.resolve("evaluation.json").toFile());
    json.get("lengths").forEach(row -> ((ObjectNode) row).remove("tokens_per_second"));
    return json;
  }

  /// As threads of one process, of two, of four, and changing on the way: the same bits.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void virtualShardsHaveTheSameWeightsForAnyNumberOfProcesses(boolean sharded) throws Exception {
    String shard = "runtime.shard_parameters=" + sharded;
    RunConfig config = config("training.virtual_shards=4", "evaluation.every_steps=0", shard);
    List<String> hashes = new ArrayList<>();
    Path alone = directory.resolve("alone");
    Training.run(config, Start.anew(alone), Parts.of(config, new RunListener() {}, "a test"));
    hashes.add(weights(alone));
    for (int processes : new int[] {2, 4}) {
      Path run = directory.resolve("of-" + processes);
      results(processes, world -> run(config, Start.anew(run), new RunListener() {}, world));
      hashes.add(weights(run));
    }
    Path changing = directory.resolve("changing");
    RunConfig half =
        config(
            "training.virtual_shards=4", "evaluation.every_steps=0", "training.max_steps=9", shard);
    results(4, world -> run(half, Start.anew(changing), new RunListener() {}, world));
    results(1, world -> run(config, Start.resumed(changing), new RunListener() {}, world));
    hashes.add(weights(changing));
    assertThat(hashes).containsOnly(hashes.getFirst());
    assertThat(hashes.getFirst())
        .as("another number of shards is another order of sums")
        .isNotEqualTo(weightsOf(config("training.virtual_shards=2", "evaluation.every_steps=0")));
  }

  /// Two groups of two: the same mesh in one process and in two.
  @Test
  void virtualShardsKeepTheirMeshInOneProcess() throws Exception {
    RunConfig config =
        config(
            "training.virtual_shards=4",
            "evaluation.every_steps=0",
            "training.steps=4",
            "schedule.warmup_steps=1");
    Path alone = directory.resolve("alone");
    Parts parts = Parts.of(config, new RunListener() {}, "a test");
    Training.run(config, Start.anew(alone), parts, 2);
    Path two = directory.resolve("two");
    results(
        2,
        world ->
            DistributedTraining.run(
                config,
                Start.anew(two),
                new RunListener() {},
                "a test",
                world,
                new Processes(2, 2, 1, 2)));
    assertThat(weights(alone)).isEqualTo(weights(two));
    Path undivided = directory.resolve("undivided");
    Training.run(config, Start.anew(undivided), parts);
    assertThat(weights(undivided)).isNotEqualTo(weights(alone));
  }

  /// Virtual shards promise bits, and threads decide about them.
  @Test
  void processesOfVirtualShardsMustHaveEquallyManyThreads() throws Exception {
    List<RunConfig> configs =
        List.of(
            config("training.virtual_shards=2"),
            config("training.virtual_shards=2", "runtime.threads=2"));
    Path run = directory.resolve("run");
    assertThat(
            failures(
                2,
                world ->
                    run(configs.get(world.rank()), Start.anew(run), new RunListener() {}, world)))
        .hasSize(2)
        .allSatisfy(e ->
            assertThat(e)
                .hasMessage(
                    "all ranks must be given the same: rank 0 has runtime.threads=1, rank 1 has runtime.threads=2"));
  }

  /// While rank 0 evaluates, the run is locked and the others are there.
  @Test
  void theRunIsLockedAndAllWaitUntilItsReportIsWritten() throws Exception {
    RunConfig config = config("training.steps=4", "schedule.warmup_steps=1");
    Path run = directory.resolve("run");
    List<String> heard = Collections.synchronizedList(new ArrayList<>());
    RunListener first =
        new RunListener() {
          @Override
          public void scored(Evaluation.AtLength at) {
            try {
              RunDirectory.existing(run).close();
              heard.add("no lock");
            } catch (IllegalArgumentException | IOException e) {
              heard.add(e.getMessage());
            }
          }

          @Override
          public void report(Path report) {
            heard.add("report");
          }
        };
    results(
        2,
        world -> {
          Result result =
              run(config, Start.anew(run), world.rank() == 0 ? first : new RunListener() {}, world);
          heard.add("left");
          return result;
        });
    assertThat(heard)
        .containsExactly("another process trains in this run: " + run, "report", "left", "left");
    RunDirectory.existing(run).close();
  }

  /// Rank 0 has written the report when the other one leaves.
  @Test
  void aRankThatIsLostOnceAllIsWrittenIsNotMissed() throws Exception {
    RunConfig config = config("training.steps=4", "schedule.warmup_steps=1");
    Path run = directory.resolve("run");
    Collectives[] worlds = new Collectives[2];
    List<Future<Result>> ends =
        processes(
            2,
            world -> {
              worlds[world.rank()] = world;
              world.barrier();
              return run(
                  config,
                  Start.anew(run),
                  new RunListener() {
                    @Override
                    public void report(Path report) {
                      worlds[1].abort(FieldMessage.of("the test ends it"));
                    }
                  },
                  world);
            });
    assertThat(ends.get(0).get()).isEqualTo(new Result(Result.End.FINISHED, 4, run));
    assertThat(ends.get(1))
        .failsWithin(Duration.ZERO)
        .withThrowableThat()
        .withCauseInstanceOf(PeerLostException.class);
  }

  /// The corpus is tokenized by rank 0 alone.
  @Test
  void theFirstRankTokenizes() throws Exception {
    RunConfig config =
        config("corpus.validation=0.35", "training.steps=4", "schedule.warmup_steps=1");
    List<Integer> tokenized = Collections.synchronizedList(new ArrayList<>());
    results(
        3,
        world ->
            run(
                config,
                Start.anew(directory.resolve("run")),
                new RunListener() {
                  @Override
                  public void progress(TokenizationProgress progress) {
                    tokenized.add(world.rank());
                  }
                },
                world));
    assertThat(tokenized).isNotEmpty().containsOnly(0);
  }

  private String weightsOf(RunConfig config) throws Exception {
    Path run = directory.resolve("other");
    results(1, world -> run(config, Start.anew(run), new RunListener() {}, world));
    return weights(run);
  }

  @Test
  void aStopAskedForInOneProcessStopsAll() throws Exception {
    RunConfig config = config();
    Path run = directory.resolve("run");
    List<Result> results =
        results(
            2, world -> run(config, Start.anew(run), new Losses(world.rank() == 1 ? 3 : 0), world));
    assertThat(results).containsOnly(new Result(Result.End.STOPPED, 3, run));
    assertThat(run.resolve("report.html")).doesNotExist();
  }

  @Test
  void processesThatWereGivenAnotherRecipeSayWhere() throws Exception {
    List<RunConfig> configs = List.of(config(), config("training.seed=7"));
    Path run = directory.resolve("run");
    List<Throwable> failures =
        failures(
            2,
            world -> run(configs.get(world.rank()), Start.anew(run), new RunListener() {}, world));
    assertThat(failures)
        .hasSize(2)
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                    "all ranks must be given the same: rank 0 has training.seed=1, rank 1 has training.seed=7"));
    assertThat(run).doesNotExist();
  }

  /// Paths and threads are a machine's own matter.
  @Test
  void processesMayHaveThreadsOfTheirOwn() throws Exception {
    List<RunConfig> configs = List.of(config(), config("runtime.threads=2"));
    Path run = directory.resolve("run");
    assertThat(
            results(
                2,
                world ->
                    run(configs.get(world.rank()), Start.anew(run), new RunListener() {}, world)))
        .extracting(Result::end)
        .containsOnly(Result.End.FINISHED);
  }

  /// In the middle of a step.
  @Test
  void aProcessThatFailsEndsTheOthers() throws Exception {
    RunConfig config = config("training.virtual_shards=4");
    Path run = directory.resolve("run");
    List<Throwable> failures =
        failures(
            2,
            world ->
                run(
                    config,
                    Start.anew(run),
                    new RunListener() {
                      @Override
                      public void pass(long step, int passes, int of) {
                        if (world.rank() == 1 && step == 2) {
                          throw new IllegalStateException("the test ends this one");
                        }
                      }
                    },
                    world));
    assertThat(failures).hasSize(2);
    assertThat(failures.get(0))
        .isInstanceOf(PeerLostException.class)
        .hasMessageContaining("the test ends this one");
    assertThat(failures.get(1)).hasMessage("the test ends this one");
    assertThat(Checkpoint.list(run)).isEmpty();
  }

  @Test
  void refusesVirtualShardsThatProcessesCannotShare() throws Exception {
    RunConfig config = config("training.virtual_shards=4");
    List<Throwable> failures =
        failures(
            3,
            world ->
                run(config, Start.anew(directory.resolve("run")), new RunListener() {}, world));
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e)
                .hasMessage("training.virtual_shards=4 must be a multiple of the processes, 3"));
  }
}
