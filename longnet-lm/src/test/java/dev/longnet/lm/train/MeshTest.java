// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.lm.distributed.ThreadCollectives;
import dev.longnet.lm.torch.Torch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A run on several ranks is the run of one, up to the order of its sums.
class MeshTest {
  /// Passes of two windows, two of them a step on one rank; gradients above the clipping bound.
  private static final String[] RUN = {
    "training.steps=8", "training.gradient_clip=0.5", "runtime.threads=1"
  };

  // Losses lie between 2 and 6. A float32 sum in another order moves a loss of this model by 8e-8
  // (PinnedNumericsTest, 50 steps), and here also the order of the gradients' sums is another one:
  // a few of these.
  private static final double LOSS = 1e-6;

  @TempDir Path directory;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  private static String[] with(String... more) {
    return MeshRuns.with(RUN, more);
  }

  private static void same(List<StepMetrics> actual, List<StepMetrics> expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      StepMetrics e = expected.get(i);
      StepMetrics a = actual.get(i);
      assertThat(a.loss()).as("loss of step " + e.step()).isCloseTo(e.loss(), within(tolerance));
      assertThat(a.gradientNorm())
          .as("norm of step " + e.step())
          .isCloseTo(e.gradientNorm(), within(10 * tolerance * e.gradientNorm()));
      assertThat(a.tokens()).isEqualTo(e.tokens());
      assertThat(a.skipped()).isEqualTo(e.skipped());
    }
  }

  private static double largestDifference(float[] a, float[] b) {
    assertThat(a).hasSameSizeAs(b);
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
    }
    return largest;
  }

  @ParameterizedTest
  @CsvSource({"1,2", "1,3", "1,4", "2,1", "3,1", "2,2", "5,1"})
  void lossesNormsAndWeightsAreThoseOfOneRank(int groups, int shards) throws Exception {
    MeshRuns.Ended one = MeshRuns.alone(directory.resolve("one"), false, RUN);
    List<MeshRuns.Ended> many = MeshRuns.run(directory.resolve("many"), groups, shards, RUN);
    for (MeshRuns.Ended rank : many) {
      same(rank.steps(), one.steps(), LOSS);
      assertThat(rank.weights()).as("every rank's weights").isEqualTo(many.get(0).weights());
    }
    // Adam turns the sign of a gradient of rounding errors into a step of the learning rate's size.
    assertThat(largestDifference(many.get(0).weights(), one.weights())).isLessThan(8 * 3e-3);
    assertThat(one.steps().getFirst().gradientNorm()).as("is clipped").isGreaterThan(0.5);
  }

  static Stream<List<String>> variants() {
    return Stream.of(
        List.of("training.branch_starts=[0, 0.5]"),
        List.of(
            "training.windows=[{until: 0.5, window: 16, branches: 1}, {window: 64}]",
            "training.batch_tokens=256"),
        List.of("runtime.activation_checkpointing=true"),
        List.of("runtime.loss_chunk=7", "runtime.token_chunk=9"),
        List.of("training.gradient_clip=0"),
        List.of("model.attention={type: dense}"),
        List.of("model.attention={type: sparse, block_length: 12, columns: 3}"),
        List.of("model.positions=rope", "model.tied_output=false"),
        List.of("training.sequences=1"),
        List.of("optimizer.rule=adam", "optimizer.weight_decay=0.1"));
  }

  @ParameterizedTest
  @MethodSource("variants")
  void soIsEveryKindOfRun(List<String> overrides) throws Exception {
    String[] run = with(overrides.toArray(String[]::new));
    MeshRuns.Ended one = MeshRuns.alone(directory.resolve("one"), false, run);
    same(MeshRuns.run(directory.resolve("many"), 2, 2, run).get(0).steps(), one.steps(), LOSS);
  }

  /// Gradients of weights are products rounded to bfloat16, of each rank's rows alone: 2^-9 of
  /// them; what is left of it in a loss after 8 steps.
  @Test
  void bfloat16AgreesToItsOwnRounding() throws Exception {
    String[] run = with("runtime.precision=bf16");
    MeshRuns.Ended one = MeshRuns.alone(directory.resolve("one"), false, run);
    same(MeshRuns.run(directory.resolve("many"), 1, 3, run).get(0).steps(), one.steps(), 5e-3);
  }

  /// Windows of 2 tokens on 4 ranks: two of them hold nothing.
  @Test
  void ranksWithoutTokensTakePart() throws Exception {
    String[] run =
        with(
            "training.window=2",
            "training.sequences=4",
            "training.batch_tokens=16",
            "model.attention.segment_lengths=[2]",
            "model.attention.dilations=[1]");
    MeshRuns.Ended one = MeshRuns.alone(directory.resolve("one"), false, run);
    same(MeshRuns.run(directory.resolve("many"), 1, 4, run).get(3).steps(), one.steps(), LOSS);
  }

  /// 4 windows a step on 5 groups, in passes of 2.
  @Test
  void groupsWithoutWindowsTakePart() throws Exception {
    MeshRuns.Ended one = MeshRuns.alone(directory.resolve("one"), false, RUN);
    same(MeshRuns.run(directory.resolve("many"), 5, 2, RUN).get(0).steps(), one.steps(), LOSS);
  }

  @ParameterizedTest
  @CsvSource({"2,2,1,1", "1,1,2,2", "2,2,1,3", "1,3,4,1"})
  void aCheckpointGoesOnOnAnotherMesh(int groups, int shards, int laterGroups, int laterShards)
      throws Exception {
    MeshRuns.Ended whole = MeshRuns.alone(directory.resolve("whole"), false, RUN);
    Path run = directory.resolve("run");
    String[] half = with("training.max_steps=5");
    on(run, false, groups, shards, half);
    assertThat(Checkpoint.resolve(run).state().orElseThrow().step()).isEqualTo(5);
    MeshRuns.Ended later = on(run, true, laterGroups, laterShards, RUN);
    same(later.steps(), whole.steps().subList(5, 8), LOSS);
  }

  /// Ranks that see rank 0's disk write their moments there themselves; the moments of others
  /// travel, here in two pieces, of 1.7 million parameters. Both files are the same. A step's
  /// moments are seen in the loss after it.
  @Test
  void momentsOfRanksWithOtherDisksTravel() throws Exception {
    String[] run =
        with(
            "model.hidden=256",
            "training.steps=4",
            "training.sequences=1",
            "training.batch_tokens=64");
    MeshRuns.Ended whole = MeshRuns.alone(directory.resolve("whole"), false, run);
    String[] two = MeshRuns.with(run, "training.max_steps=2");
    on(directory.resolve("shared"), false, 1, 2, two);
    MeshRuns.run(rank -> directory.resolve("disk-" + rank), false, 1, 2, (_, _) -> {}, _ -> two);
    assertThat(directory.resolve("disk-1/checkpoints")).doesNotExist();
    assertThat(optimizer("disk-0")).hasSameBinaryContentAs(optimizer("shared"));
    try (Stream<Path> files = Files.list(optimizer("shared").getParent())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "config.json",
              "model.safetensors",
              "optimizer.safetensors",
              "trainer.json",
              "checksums.json");
    }
    MeshRuns.Ended later = on(directory.resolve("shared"), true, 1, 1, run);
    // The matrices are eight times as wide as above.
    same(later.steps(), whole.steps().subList(2, 4), 3 * LOSS);
  }

  private Path optimizer(String run) throws Exception {
    return Checkpoint.resolve(directory.resolve(run)).directory().resolve("optimizer.safetensors");
  }

  private static MeshRuns.Ended on(
      Path run, boolean resume, int groups, int shards, String... overrides) throws Exception {
    return groups * shards == 1
        ? MeshRuns.alone(run, resume, overrides)
        : MeshRuns.run(run, resume, groups, shards, (_, _) -> {}, overrides).get(0);
  }

  /// The file of a mesh has the names, shapes and places of one rank's.
  @Test
  void aCheckpointOfRanksLooksLikeOneRanks() throws Exception {
    MeshRuns.alone(directory.resolve("one"), false, with("training.max_steps=1"));
    MeshRuns.run(directory.resolve("many"), 1, 3, with("training.max_steps=1"));
    for (String file : List.of("model.safetensors", "optimizer.safetensors")) {
      Path one = Checkpoint.resolve(directory.resolve("one")).directory().resolve(file);
      Path many = Checkpoint.resolve(directory.resolve("many")).directory().resolve(file);
      assertThat(Files.size(many)).isEqualTo(Files.size(one));
      assertThat(header(many)).isEqualTo(header(one));
    }
  }

  private static String header(Path file) throws Exception {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[Math.toIntExact(bytes.getLong())];
    bytes.get(header);
    return new String(header, StandardCharsets.UTF_8);
  }

  @Test
  void validationIsSharedOut() throws Exception {
    String[] run = with("evaluation.every_steps=3", "evaluation.every_tokens=192");
    MeshRuns.alone(directory.resolve("one"), false, run);
    MeshRuns.run(directory.resolve("many"), 2, 3, run);
    List<Double> one = validations(directory.resolve("one"));
    List<Double> many = validations(directory.resolve("many"));
    assertThat(many).hasSize(2).hasSameSizeAs(one);
    for (int i = 0; i < 2; i++) {
      assertThat(many.get(i)).isCloseTo(one.get(i), within(LOSS));
    }
  }

  static List<Double> validations(Path run) throws Exception {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .filter(line -> line.contains("\"validation\""))
        .map(line -> Double.parseDouble(line.replaceAll(".*\"loss\":([^,}]*).*", "$1")))
        .toList();
  }

  @Test
  void theLogSaysWhatTravelled() throws Exception {
    MeshRuns.run(directory.resolve("many"), 1, 2, with("training.max_steps=1"));
    MeshRuns.alone(directory.resolve("one"), false, with("training.max_steps=1"));
    assertThat(directory.resolve("many/metrics.jsonl"))
        .content()
        .contains("\"bytes_sent\":", "\"exposed_seconds\":", "\"hidden_seconds\":")
        .contains("\"rows_bytes_sent\":", "\"rows_exposed_seconds\":");
    assertThat(directory.resolve("one/metrics.jsonl")).content().doesNotContain("bytes_sent");
  }

  @Test
  void refusesSequencesThatDoNotDivideTheRanks() {
    assertThatThrownBy(() -> Mesh.of(ThreadCollectives.of(3).getFirst(), 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sequenceRanks must divide the number of ranks, 3: sequenceRanks=2");
  }
}
