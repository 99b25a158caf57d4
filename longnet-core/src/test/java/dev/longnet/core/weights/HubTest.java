// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.WeightFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Directories of the Hub's form. By hand they open in Hugging Face's own libraries
/// (docs/weights.md).
class HubTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final WeightsExport.Options PLAIN =
      new WeightsExport.Options(WeightsExport.Target.HUB, Optional.empty(), OptionalLong.empty());

  @TempDir Path directory;

  private static ModelConfig model(int vocabulary, boolean tied) {
    return new ModelConfig(
        vocabulary,
        2,
        16,
        2,
        24,
        PositionEncoding.ROPE,
        tied,
        true,
        new AttentionConfig.Dilated(
            List.of(new Branch(16, 1), new Branch(64, 4)), HeadOffsets.INTERLEAVED));
  }

  private Path checkpoint(Path path, ModelConfig config, String tokenizer) throws IOException {
    Random random = new Random(3);
    List<TensorEntry> tensors = new ArrayList<>();
    for (Parameter parameter : Blueprint.of(config).parameters()) {
      long[] shape = parameter.dimensions();
      float[] values = new float[(int) LongStream.of(shape).reduce(1, (a, b) -> a * b)];
      IntStream.range(0, values.length).forEach(i -> values[i] = (float) random.nextGaussian());
      tensors.add(TensorEntry.of(parameter.name(), shape, values));
    }
    Checkpoint.writeModelOnly(
        path, config, tokenizer, 64, file -> SafetensorsWriter.write(file, Map.of(), tensors));
    return path;
  }

  private static void assertSameTensors(Path actual, Path expected) throws IOException {
    try (WeightFiles a = WeightFiles.open(actual);
        SafetensorsFile e = SafetensorsFile.open(expected.resolve("model.safetensors"))) {
      assertThat(a.names()).containsExactlyInAnyOrderElementsOf(e.names());
      for (String name : e.names()) {
        assertThat(a.tensor(name).data().mismatch(e.tensor(name).data())).as(name).isEqualTo(-1);
      }
    }
  }

  private ObjectNode config(Path hub) throws IOException {
    return (ObjectNode) JSON.readTree(Files.readAllBytes(hub.resolve("config.json")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "llama.json", "none"})
  void comesBackWithTheSameBits(String tokenizer) throws IOException {
    String name =
        tokenizer.endsWith(".json")
            ? GoldenFiles.resource("tokenizers/" + tokenizer).toString()
            : tokenizer;
    Path run = checkpoint(directory.resolve("run"), model(640, !tokenizer.equals("none")), name);
    Path hub = directory.resolve("hub");
    Path back = directory.resolve("back");
    WeightsExport.run(run, hub, PLAIN);
    HubImport.run(hub, back);
    assertSameTensors(hub, run);
    assertSameTensors(back, run);
    Checkpoint before = Checkpoint.open(run);
    Checkpoint after = Checkpoint.open(back);
    assertThat(after.model()).isEqualTo(before.model());
    assertThat(after.trainedLength()).isEqualTo(64);
    assertThat(after.hasTokenizer()).isEqualTo(before.hasTokenizer());
    if (before.hasTokenizer()) {
      assertThat(after.hasTokenizer(before.tokenizer())).isTrue();
      assertThat(config(hub).get("eos_token_id").asInt())
          .isEqualTo(before.loadTokenizer().endOfText());
      assertThat(hub.resolve("tokenizer.json")).isRegularFile();
      assertThat(JSON.readTree(hub.resolve("tokenizer_config.json").toFile()).get("eos_token"))
          .isNotNull();
    } else {
      assertThat(hub.resolve("tokenizer.json")).doesNotExist();
    }
  }

  @Test
  void whatMeansNothingHereIsCarriedAlong() throws IOException {
    Path run = checkpoint(directory.resolve("run"), model(300, true), "bytes");
    Path hub = directory.resolve("hub");
    WeightsExport.run(run, hub, PLAIN);
    ObjectNode config = config(hub);
    config.put("transformers_version", "5.0").putArray("architectures").add("TheirLongNet");
    config.putObject("auto_map").put("AutoConfig", "their.Config");
    Files.writeString(hub.resolve("config.json"), config.toString());
    Files.writeString(hub.resolve("README.md"), "Their card, é.\n");
    Files.writeString(hub.resolve("generation_config.json"), "{\"top_k\": 50}");
    Files.writeString(hub.resolve("special_tokens_map.json"), "{\"pad_token\": \"x\"}");
    Path back = directory.resolve("back");
    TorchscaleImport.Result result = HubImport.run(hub, back);
    assertThat(result.kept())
        .containsExactlyInAnyOrder(
            "config.json: transformers_version",
            "config.json: architectures",
            "config.json: auto_map");
    Path again = directory.resolve("again");
    WeightsExport.run(
        back,
        again,
        new WeightsExport.Options(
            WeightsExport.Target.HUB, Optional.of(DType.BF16), OptionalLong.of(4000)));
    config.put("torch_dtype", "bfloat16");
    assertThat(config(again)).isEqualTo(config);
    for (String name :
        List.of(
            "README.md",
            "generation_config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json")) {
      assertThat(Files.mismatch(again.resolve(name), hub.resolve(name))).as(name).isEqualTo(-1);
    }
    assertThat(again.resolve("model.safetensors.index.json")).isRegularFile();
    HubImport.run(again, directory.resolve("narrow"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model_type        | \"llama\" | model_type must be longnet: model_type=\"llama\"",
        "num_attention_heads | 7   | hidden must be a multiple of model.heads=7",
        "num_hidden_layers | 0     | where it is num_hidden_layers",
        "num_hidden_layers | 3     | tensor layers.2.",
        "vocab_size        | 100   | vocab_size must be at least the tokenizer's 257: vocab_size=100",
        "positions         | null  | positions is missing",
        "hidden            | 16    | hidden_size and hidden exclude each other",
        "attention         | {\"type\": \"dense\", \"window\": 3} | unknown key attention.window",
      })
  void aWrongConfigurationIsNamed(String key, String value, String message) throws IOException {
    Path run = checkpoint(directory.resolve("run"), model(300, true), "bytes");
    Path hub = directory.resolve("hub");
    WeightsExport.run(run, hub, PLAIN);
    ObjectNode config = config(hub);
    config.set(key, JSON.readTree(value));
    Files.writeString(hub.resolve("config.json"), config.toString());
    assertThatThrownBy(() -> HubImport.run(hub, directory.resolve("back")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
    assertThat(directory.resolve("back")).doesNotExist();
  }

  @Test
  void theCardSaysWhatTheRunSays() throws IOException {
    Path run = directory.resolve("tiny");
    Path step = checkpoint(run.resolve("checkpoints/step-00000008"), model(257, true), "bytes");
    Files.writeString(
        run.resolve("recipe.yaml"),
        """
        name: tiny
        about: What it is for.
        corpus: {sources: [/home/me/data/books.jsonl, jdk], tokenizer: bytes, validation: 0.125}
        model: {layers: 2, hidden: 16, heads: 2, attention: {type: dense}}
        training: {window: 64, steps: 8}
        """);
    Files.writeString(
        run.resolve("evaluation.json"),
        """
        {"tokens": 100, "bytes": 120, "checkpoint": "step-00000008",
         "lengths": [{"length": 32, "perplexity": 9.5, "bits_per_byte": 2.5}]}
        """);
    WeightsExport.Options options =
        new WeightsExport.Options(
            WeightsExport.Target.HUB,
            Optional.empty(),
            OptionalLong.empty(),
            List.of("no", "en"),
            Optional.of("apache-2.0"));
    WeightsExport.run(run, directory.resolve("hub"), options);
    String card = Files.readString(directory.resolve("hub/README.md"));
    String[] parts = card.split("---\n", 3);
    JsonNode front = new YAMLMapper().readTree(parts[1]);
    assertThat(front.get("language").toString()).isEqualTo("[\"no\",\"en\"]");
    assertThat(parts[1]).contains("- \"no\""); // a boolean of YAML 1.1 without its quotes
    assertThat(front.get("license").asText()).isEqualTo("apache-2.0");
    assertThat(front.at("/model-index/0/results/0/metrics/0/value").asDouble()).isEqualTo(9.5);
    assertThat(parts[2])
        .contains(
            "# tiny",
            "What it is for.",
            "`books.jsonl`, `jdk`; 12.50 %",
            "| 32 | 9.5000 | 2.5000 |")
        .doesNotContain("/home/me");
    // Another checkpoint's figures are not this one's.
    Path other = checkpoint(run.resolve("checkpoints/step-00000004"), model(257, true), "bytes");
    WeightsExport.run(other, directory.resolve("other"), PLAIN);
    assertThat(Files.readString(directory.resolve("other/README.md")))
        .contains("`books.jsonl`")
        .doesNotContain("perplexity", "license", "language:");
    assertThat(step).isDirectory();
  }

  @Test
  void whatACardSaysIsForTheHub() {
    assertThatThrownBy(() ->
            new WeightsExport.Options(
                WeightsExport.Target.SAFETENSORS,
                Optional.empty(),
                OptionalLong.empty(),
                List.of("en"),
                Optional.empty()))
        .hasMessage("language and license are for a model card: target=hub");
  }
}
