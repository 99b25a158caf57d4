// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.weights.GoldenFiles;
import dev.longnet.core.weights.TorchscaleImport;
import dev.longnet.lm.attention.JavaAttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.train.CheckpointTensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// torchscale's models through an import, on the Java kernels.
class TorchscaleImportTest {
  @TempDir Path directory;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  private Decoder model(Path run, GradientMode gradients) throws IOException {
    Checkpoint checkpoint = Checkpoint.resolve(run);
    Decoder decoder =
        Decoder.create(
            checkpoint.model(),
            ModelOptions.cpu(),
            (attention, causal) ->
                new JavaAttentionOperator(
                    DilatedAttention.of(attention.pattern(causal), AttentionOptions.defaults()),
                    gradients),
            1);
    CheckpointTensors.load(checkpoint, decoder);
    return decoder;
  }

  /// ||actual - expected|| / ||scale||
  private static double error(Tensor actual, Tensor expected, Tensor scale) {
    Tensor difference = actual.to(ScalarType.Double).sub(expected.to(ScalarType.Double));
    return difference.norm().item_double() / scale.to(ScalarType.Double).norm().item_double();
  }

  @ParameterizedTest
  @CsvSource({
    "decoder_heads_not_multiple, decoder",
    "decoder_no_xpos, decoder",
    "decoder_tied_ragged, decoder",
    "decoder_xpos_subln_1, decoder",
    "encoder_divisible, encoder of tokens"
  })
  void importedModelsGiveTorchscalesLogits(String name, String kind) throws IOException {
    Path run = directory.resolve("run");
    TorchscaleImport.Result result =
        TorchscaleImport.run(GoldenFiles.path(name), run, GoldenFiles.PLAIN);
    assertThat(result.kind()).isEqualTo(kind);
    assertThat(result.kept()).isEmpty();
    try (PointerScope _ = new PointerScope();
        SafetensorsFile golden = GoldenFiles.open(name);
        Decoder model = model(run, GradientMode.EXACT)) {
      Tensor expected = TensorMemory.view(golden.tensor("logits"));
      Tensor logits = model.logits(TensorMemory.view(golden.tensor("tokens")));
      assertThat(error(logits, expected, expected)).isLessThan(2e-6);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder_heads_not_multiple",
        "decoder_no_xpos",
        "decoder_tied_ragged",
        "decoder_xpos_subln_1"
      })
  void importedModelsGiveTorchscalesLossAndGradientsWithDetachedWeights(String name)
      throws IOException {
    Path run = directory.resolve("run");
    TorchscaleImport.run(GoldenFiles.path(name), run, GoldenFiles.PLAIN);
    try (PointerScope _ = new PointerScope();
        SafetensorsFile golden = GoldenFiles.open(name);
        Decoder model = model(run, GradientMode.DETACHED_WEIGHTS)) {
      double loss = model.lossAndGradients(TensorMemory.view(golden.tensor("tokens")), 1);
      assertThat(loss)
          .isCloseTo(TensorMemory.view(golden.tensor("loss")).item_double(), offset(2e-6));
      model
          .gradients()
          .forEach((parameter, gradient) -> {
            // Without xPos k_proj.bias has no gradient but for rounding: its weight's says how
            // large that is.
            Tensor scale =
                TensorMemory.view(
                    golden.tensor("grad." + parameter.replace("k_proj.bias", "k_proj.weight")));
            Tensor expected = TensorMemory.view(golden.tensor("grad." + parameter));
            assertThat(error(gradient, expected, scale)).as(parameter).isLessThan(3e-6);
          });
    }
  }

  @Test
  void zeroPaddedKeysAreReproducedWhereAskedForAndNowhereElse() throws IOException {
    String name = "encoder_zero_padded_keys";
    for (boolean asked : new boolean[] {true, false}) {
      Path run = directory.resolve("run-" + asked);
      TorchscaleImport.run(GoldenFiles.path(name), run, GoldenFiles.options(asked));
      try (PointerScope _ = new PointerScope();
          SafetensorsFile golden = GoldenFiles.open(name);
          Decoder model = model(run, GradientMode.EXACT)) {
        Tensor expected = TensorMemory.view(golden.tensor("logits"));
        double error =
            error(model.logits(TensorMemory.view(golden.tensor("tokens"))), expected, expected);
        if (asked) {
          assertThat(error).isLessThan(2e-6);
        } else {
          assertThat(error).isGreaterThan(1e-3);
        }
      }
    }
    assertThatThrownBy(() ->
            TorchscaleImport.run(
                GoldenFiles.path("decoder_no_xpos"),
                directory.resolve("d"),
                GoldenFiles.options(true)))
        .hasMessageContaining("for encoders");
  }

  /// The golden file with its configuration edited.
  private Path edited(String from, String to) throws IOException {
    Path file = directory.resolve("edited.safetensors");
    try (SafetensorsFile golden = GoldenFiles.open("decoder_tied_ragged")) {
      String config = golden.metadata().get("config").replace(from, to);
      assertThat(config).isNotEqualTo(golden.metadata().get("config"));
      List<TensorEntry> tensors = new ArrayList<>();
      golden.names().stream()
          .filter(n -> n.startsWith("model."))
          .forEach(n -> tensors.add(golden.tensor(n)));
      SafetensorsWriter.write(file, Map.of("config", config), tensors);
    }
    return file;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"subln\": true|\"subln\": false|subln is not supported, only true",
        "\"dropout\": 0.0|\"deepnorm\": true|deepnorm is not supported, only false",
        "\"dropout\": 0.0|\"moe_freq\": 2|moe_freq is not supported, only 0",
        "\"dropout\": 0.0|\"multiway\": true|multiway is not supported",
        "\"dropout\": 0.0|\"layernorm_eps\": 1e-6|layernorm_eps is not supported",
        "\"gelu\"|\"tanh\"|activation_fn must be one of [gelu, relu, swish]",
        "\"dropout\"|\"droput\"|unknown torchscale argument droput; did you mean dropout?",
        "\"[1, 2, 4]\"|\"[1, 2]\"|dilated_ratio must name as many ratios as segment_length",
        "\"[1, 2, 4]\"|\"__import__('os')\"|dilated_ratio must be a list of positive whole numbers",
        "\"decoder_layers\": 3|\"decoder_layers\": 4|tensor layers.3.self_attn.k_proj.weight [32, 32] is missing",
        "\"decoder_layers\": 3|\"decoder_layers\": 2|tensor model.layers.2",
        "\"vocab_size\": 101|\"vocab_size\": 100|tensor model.embed_tokens.weight must be [100, 32]",
        "\"decoder_attention_heads\": 4|\"decoder_attention_heads\": 8|xpos.scale must be",
        "\"xpos_rel_pos\": true|\"xpos_rel_pos\": false|belongs to xPos",
        "\"decoder_layers\": 3|\"decoder_layers\": 3, \"encoder_layers\": 3|encoder-decoder models are not supported",
      })
  void whatIsNotSupportedIsNamed(String from, String to, String message) throws IOException {
    Path run = directory.resolve("run");
    assertThatThrownBy(() -> TorchscaleImport.run(edited(from, to), run, GoldenFiles.PLAIN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
    assertThat(run).doesNotExist();
  }

  @Test
  void trainingOnlyArgumentsMayHaveAnyValue() throws IOException {
    Path file =
        edited(
            "\"dropout\": 0.0", "\"dropout\": 0.3, \"drop_path_rate\": 0.1, \"block_shift\": true");
    assertThat(TorchscaleImport.run(file, directory.resolve("run"), GoldenFiles.PLAIN).kind())
        .isEqualTo("decoder");
  }

  @Test
  void aConfigurationFileReplacesTheMetadata() throws IOException {
    Path file = directory.resolve("bare.safetensors");
    Path config = bare(file);
    assertThatThrownBy(() -> TorchscaleImport.run(file, directory.resolve("a"), GoldenFiles.PLAIN))
        .hasMessageContaining("keyword arguments with config FILE.json");
    TorchscaleImport.run(file, directory.resolve("b"), options(config, Optional.empty()));
    Checkpoint checkpoint = Checkpoint.resolve(directory.resolve("b"));
    assertThat(checkpoint.tokenizer()).isEqualTo(Checkpoint.NO_TOKENIZER);
    assertThat(checkpoint.trainedLength()).isEqualTo(64);
    assertThat(checkpoint.state()).isEmpty();
  }

  @Test
  void aTokenizerMustFitTheModelsVocabulary() throws IOException {
    Path file = directory.resolve("bare.safetensors");
    Path config = bare(file);
    Path run = directory.resolve("run");
    assertThatThrownBy(() -> TorchscaleImport.run(file, run, options(config, Optional.of("bytes"))))
        .hasMessage("tokenizer has 257 ids, the model knows 101: tokenizer=bytes");
    assertThat(run).doesNotExist();
    Files.writeString(
        config, Files.readString(config).replace("\"vocab_size\": 101", "\"vocab_size\": 257"));
    withVocabulary(file, 257);
    TorchscaleImport.run(file, run, options(config, Optional.of("bytes")));
    assertThat(Checkpoint.resolve(run).tokenizer()).isEqualTo("bytes");
  }

  private static TorchscaleImport.Options options(Path config, Optional<String> tokenizer) {
    return new TorchscaleImport.Options(
        Optional.of(config), Optional.empty(), tokenizer, Optional.of(64), false);
  }

  /// A golden model of 101 ids without its metadata; its configuration lies beside it.
  private Path bare(Path file) throws IOException {
    try (SafetensorsFile golden = GoldenFiles.open("decoder_no_xpos")) {
      List<TensorEntry> tensors = new ArrayList<>();
      golden.names().stream()
          .filter(n -> n.startsWith("model."))
          .forEach(n -> tensors.add(golden.tensor(n)));
      SafetensorsWriter.write(file, Map.of(), tensors);
      return Files.writeString(directory.resolve("config.json"), golden.metadata().get("config"));
    }
  }

  /// The same model with zeros for the ids beyond its vocabulary.
  private static void withVocabulary(Path file, long ids) throws IOException {
    try (SafetensorsFile golden = GoldenFiles.open("decoder_no_xpos");
        Arena arena = Arena.ofConfined()) {
      List<TensorEntry> tensors = new ArrayList<>();
      for (String name : golden.names().stream().filter(n -> n.startsWith("model.")).toList()) {
        TensorEntry t = golden.tensor(name);
        if (name.endsWith("embed_tokens.weight") || name.endsWith("output_projection.weight")) {
          MemorySegment data = arena.allocate(ids * t.shape()[1] * Float.BYTES, Float.BYTES);
          MemorySegment.copy(t.data(), 0, data, 0, t.data().byteSize());
          t = new TensorEntry(t.name(), t.type(), new long[] {ids, t.shape()[1]}, data);
        }
        tensors.add(t);
      }
      SafetensorsWriter.write(file, Map.of(), tensors);
    }
  }

  @Test
  void severalModelsInOneFileNeedAPrefix() throws IOException {
    Path file = directory.resolve("two.safetensors");
    Map<String, String> metadata = new LinkedHashMap<>();
    try (SafetensorsFile golden = GoldenFiles.open("decoder_no_xpos")) {
      List<TensorEntry> tensors = new ArrayList<>();
      for (String n : golden.names()) {
        if (n.startsWith("model.")) {
          TensorEntry t = golden.tensor(n);
          tensors.add(new TensorEntry("student." + n.substring(6), t.type(), t.shape(), t.data()));
          tensors.add(new TensorEntry("teacher." + n.substring(6), t.type(), t.shape(), t.data()));
        }
      }
      metadata.put("config", golden.metadata().get("config"));
      SafetensorsWriter.write(file, metadata, tensors);
    }
    assertThatThrownBy(() -> TorchscaleImport.run(file, directory.resolve("a"), GoldenFiles.PLAIN))
        .hasMessageContaining("student., teacher.");
    TorchscaleImport.Options options =
        new TorchscaleImport.Options(
            Optional.empty(), Optional.of("teacher."), Optional.empty(), Optional.empty(), false);
    TorchscaleImport.run(file, directory.resolve("b"), options);
    assertThat(Checkpoint.resolve(directory.resolve("b")).model().layers()).isEqualTo(2);
  }
}
