// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.ShardedWeights;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.WeightFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What goes in comes out again, bit for bit.
class RoundTripTest {
  private static final long SHARD = 50_000;

  @TempDir Path directory;

  private static WeightsExport.Options to(WeightsExport.Target target, DType type, long shard) {
    return new WeightsExport.Options(
        target,
        Optional.ofNullable(type),
        shard == 0 ? OptionalLong.empty() : OptionalLong.of(shard));
  }

  private static void assertSame(TensorEntry actual, TensorEntry expected) {
    assertThat(actual.type()).as(expected.name()).isEqualTo(expected.type());
    assertThat(actual.shape()).as(expected.name()).isEqualTo(expected.shape());
    assertThat(actual.data().mismatch(expected.data())).as(expected.name()).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder_heads_not_multiple",
        "decoder_no_xpos",
        "decoder_tied_ragged",
        "decoder_xpos_subln_1",
        "encoder_divisible",
        "encoder_zero_padded_keys"
      })
  void everyTensorOfTorchscalesStateDictComesBack(String name) throws IOException {
    Path run = directory.resolve("run");
    Path out = directory.resolve("out.safetensors");
    Path shards = directory.resolve("shards");
    TorchscaleImport.run(GoldenFiles.path(name), run, GoldenFiles.options(name.contains("zero")));
    WeightsExport.run(run, out, to(WeightsExport.Target.TORCHSCALE, null, 0));
    WeightsExport.run(run, shards, to(WeightsExport.Target.TORCHSCALE, null, SHARD));
    try (SafetensorsFile golden = GoldenFiles.open(name);
        WeightFiles exported = WeightFiles.open(out);
        WeightFiles sharded = WeightFiles.open(shards)) {
      List<String> names = golden.names().stream().filter(n -> n.startsWith("model.")).toList();
      assertThat(exported.names()).containsExactlyInAnyOrderElementsOf(names);
      assertThat(sharded.names()).containsExactlyInAnyOrderElementsOf(names);
      for (String n : names) {
        assertSame(exported.tensor(n), golden.tensor(n));
        assertSame(sharded.tensor(n), golden.tensor(n));
      }
      ObjectMapper json = new ObjectMapper();
      assertThat(json.readTree(exported.metadata().get("config")))
          .isEqualTo(json.readTree(golden.metadata().get("config")));
    }
    // Shards come in as well as they went out.
    TorchscaleImport.run(shards, directory.resolve("again"), GoldenFiles.PLAIN);
    assertThat(
            Files.mismatch(
                directory.resolve("again/model.safetensors"), run.resolve("model.safetensors")))
        .isEqualTo(-1);
    try (Stream<Path> files = Files.list(shards)) {
      for (Path shard : files.filter(p -> p.toString().endsWith(".safetensors")).toList()) {
        try (SafetensorsFile file = SafetensorsFile.open(shard)) {
          long bytes = file.names().stream().mapToLong(n -> file.tensor(n).data().byteSize()).sum();
          assertThat(bytes <= SHARD || file.names().size() == 1).as(shard.toString()).isTrue();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void narrowTypesStayAsTheyAre(DType type) throws IOException {
    Path narrow = directory.resolve("narrow.safetensors");
    try (SafetensorsFile golden = GoldenFiles.open("decoder_xpos_subln_1");
        Arena arena = Arena.ofConfined()) {
      List<TensorEntry> tensors = new ArrayList<>();
      for (String n : golden.names()) {
        if (n.startsWith("model.")) {
          tensors.add(Numbers.convert(golden.tensor(n), type, arena));
        }
      }
      SafetensorsWriter.write(narrow, Map.of("config", golden.metadata().get("config")), tensors);
    }
    Path run = directory.resolve("run");
    TorchscaleImport.run(narrow, run, GoldenFiles.PLAIN);
    WeightsExport.run(
        run, directory.resolve("back.safetensors"), to(WeightsExport.Target.TORCHSCALE, null, 0));
    WeightsExport.run(
        run,
        directory.resolve("wide.safetensors"),
        to(WeightsExport.Target.TORCHSCALE, DType.F32, 0));
    TorchscaleImport.run(
        directory.resolve("wide.safetensors"), directory.resolve("wide"), GoldenFiles.PLAIN);
    WeightsExport.run(
        directory.resolve("wide"),
        directory.resolve("narrowed"),
        to(WeightsExport.Target.TORCHSCALE, type, SHARD));
    try (SafetensorsFile given = SafetensorsFile.open(narrow);
        WeightFiles back = WeightFiles.open(directory.resolve("back.safetensors"));
        WeightFiles narrowed = WeightFiles.open(directory.resolve("narrowed"))) {
      for (String n : given.names()) {
        assertSame(back.tensor(n), given.tensor(n));
        assertSame(narrowed.tensor(n), given.tensor(n));
      }
    }
  }

  /// A model that torchscale does not have.
  private Path foreign(AttentionConfig attention, PositionEncoding positions) throws IOException {
    return foreign(new ModelConfig(300, 2, 48, 6, 96, positions, true, true, attention));
  }

  private Path foreign(ModelConfig config) throws IOException {
    Random random = new Random(11);
    List<TensorEntry> tensors = new ArrayList<>();
    for (Parameter parameter : Blueprint.of(config).parameters()) {
      String name = parameter.name();
      long[] shape = parameter.dimensions();
      int count = 1;
      for (long s : shape) {
        count *= (int) s;
      }
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (float) random.nextGaussian();
      }
      tensors.add(TensorEntry.of(name, shape, values));
    }
    Path run = Files.createTempDirectory(directory, "own").resolve("run");
    Checkpoint.writeModelOnly(
        run, config, "bytes", 128, path -> SafetensorsWriter.write(path, Map.of(), tensors));
    return run;
  }

  @Test
  void ourOwnModelsGoToSafetensorsAndBack() throws IOException {
    Path run =
        foreign(
            new AttentionConfig.Dilated(
                List.of(new Branch(64, 1), new Branch(128, 4)), HeadOffsets.INTERLEAVED),
            PositionEncoding.ROPE);
    Path out = directory.resolve("out.safetensors");
    WeightsExport.run(run, out, to(WeightsExport.Target.SAFETENSORS, null, 0));
    TorchscaleImport.run(out, directory.resolve("again"), GoldenFiles.PLAIN);
    Checkpoint before = Checkpoint.open(run);
    Checkpoint after = Checkpoint.open(directory.resolve("again"));
    assertThat(after.model()).isEqualTo(before.model());
    assertThat(after.tokenizer()).isEqualTo("bytes");
    assertThat(Files.mismatch(after.weights(), before.weights())).isEqualTo(-1);
    assertThatThrownBy(() ->
            WeightsExport.run(
                run,
                directory.resolve("t.safetensors"),
                to(WeightsExport.Target.TORCHSCALE, null, 0)))
        .hasMessageContaining("positions=rope");
    assertThat(directory.resolve("t.safetensors")).doesNotExist();
  }

  /// What later versions added comes back from safetensors; torchscale's export names it.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          500000 | 1   | 0 | 0 | positions_base=500000
          10000  | 0.5 | 0 | 0 | positions_share=0.5
          10000  | 1   | 2 | 0 | nope_heads=2
          10000  | 1   | 3 | 0 | nope_heads=3
          10000  | 1   | 0 | 4 | short_convolution=4
          """)
  void whatIsOursAloneStaysOurs(int base, double share, int free, int taps, String named)
      throws IOException {
    ModelConfig plain =
        new ModelConfig(
            300, 2, 48, 6, 96, PositionEncoding.XPOS, true, true, new AttentionConfig.Dense());
    Path run =
        foreign(
            plain
                .withPositions(base, share)
                .withNopeHeads(free, free == 3 ? 512 : 0)
                .withShortConvolution(taps));
    Path out = directory.resolve("out.safetensors");
    WeightsExport.run(run, out, to(WeightsExport.Target.SAFETENSORS, null, 0));
    TorchscaleImport.run(out, directory.resolve("again"), GoldenFiles.PLAIN);
    Checkpoint again = Checkpoint.open(directory.resolve("again"));
    assertThat(again.model()).isEqualTo(Checkpoint.open(run).model()).isNotEqualTo(plain);
    assertThat(Files.mismatch(again.weights(), run.resolve("model.safetensors"))).isEqualTo(-1);
    String key = named.substring(0, named.indexOf('='));
    assertThat(Files.readString(run.resolve("config.json"))).contains(key);
    // A model without it has the file that it always had.
    assertThat(Files.readString(foreign(plain).resolve("config.json")))
        .doesNotContain(
            "positions_base", "positions_share", "nope_heads", "nope_scale", "short_convolution");
    assertThatThrownBy(() ->
            WeightsExport.run(
                run,
                directory.resolve("t.safetensors"),
                to(WeightsExport.Target.TORCHSCALE, null, 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("torchscale has no " + named + ": export to safetensors");
    assertThat(directory.resolve("t.safetensors")).doesNotExist();
  }

  @Test
  void ourOwnModelsGoToTorchscaleWhereItHasThem() throws IOException {
    // With 6 heads offsets of r = 1 and of r = 8 are the same by both rules, those of r = 4 are
    // not.
    Path run =
        foreign(
            new AttentionConfig.Dilated(
                List.of(new Branch(64, 1), new Branch(128, 8)), HeadOffsets.INTERLEAVED),
            PositionEncoding.XPOS);
    Path out = directory.resolve("out.safetensors");
    WeightsExport.run(run, out, to(WeightsExport.Target.TORCHSCALE, null, 0));
    TorchscaleImport.run(out, directory.resolve("again"), GoldenFiles.PLAIN);
    try (WeightFiles file = WeightFiles.open(out);
        SafetensorsFile before = SafetensorsFile.open(run.resolve("model.safetensors"));
        SafetensorsFile after =
            SafetensorsFile.open(directory.resolve("again/model.safetensors"))) {
      assertThat(file.names())
          .contains("model.output_projection.weight", "model.layers.1.self_attn.xpos.scale");
      for (String name : before.names()) {
        assertSame(after.tensor(name), before.tensor(name));
      }
    }
    Checkpoint.open(directory.resolve("again"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"decoder_no_xpos", "encoder_divisible"})
  void otherActivationsComeBackToo(String name) throws IOException {
    Path given = directory.resolve("given.safetensors");
    try (SafetensorsFile golden = GoldenFiles.open(name)) {
      List<TensorEntry> tensors =
          golden.names().stream().filter(n -> n.startsWith("model.")).map(golden::tensor).toList();
      String config = golden.metadata().get("config").replace("\"gelu\"", "\"relu\"");
      SafetensorsWriter.write(given, Map.of("config", config), tensors);
    }
    Path run = directory.resolve("run");
    TorchscaleImport.run(given, run, GoldenFiles.PLAIN);
    assertThat(Checkpoint.open(run).model().activation()).isEqualTo(Activation.RELU);
    WeightsExport.run(run, directory.resolve("hub"), to(WeightsExport.Target.HUB, null, 0));
    HubImport.run(directory.resolve("hub"), directory.resolve("back"));
    WeightsExport.run(
        directory.resolve("back"),
        directory.resolve("out.safetensors"),
        to(WeightsExport.Target.TORCHSCALE, null, 0));
    try (SafetensorsFile out = SafetensorsFile.open(directory.resolve("out.safetensors"))) {
      assertThat(out.metadata().get("config")).contains("\"activation_fn\":\"relu\"");
    }
  }

  @Test
  void interleavedOffsetsThatTorchscaleLacksAreRefused() throws IOException {
    Path run =
        foreign(
            new AttentionConfig.Dilated(
                List.of(new Branch(64, 1), new Branch(128, 4)), HeadOffsets.INTERLEAVED),
            PositionEncoding.XPOS);
    assertThatThrownBy(() ->
            WeightsExport.run(
                run,
                directory.resolve("t.safetensors"),
                to(WeightsExport.Target.TORCHSCALE, null, 0)))
        .hasMessageContaining("differ at dilation 4 with 6 heads");
  }

  @Test
  void shardsAreNamedAsTheFieldNamesThem() throws IOException {
    Path run = directory.resolve("run");
    TorchscaleImport.run(GoldenFiles.path("decoder_no_xpos"), run, GoldenFiles.PLAIN);
    Path shards = directory.resolve("shards");
    WeightsExport.run(run, shards, to(WeightsExport.Target.SAFETENSORS, null, 30_000));
    assertThat(shards.resolve(ShardedWeights.INDEX)).isRegularFile();
    try (Stream<Path> files = Files.list(shards)) {
      List<String> names =
          files
              .map(p -> p.getFileName().toString())
              .filter(n -> n.startsWith("model-"))
              .sorted()
              .toList();
      assertThat(names).hasSizeGreaterThan(2);
      for (int i = 0; i < names.size(); i++) {
        assertThat(names.get(i)).isEqualTo("model-%05d-of-%05d.safetensors", i + 1, names.size());
      }
    }
    assertThat(Files.readString(shards.resolve(ShardedWeights.INDEX))).contains("\"total_size\"");
  }
}
