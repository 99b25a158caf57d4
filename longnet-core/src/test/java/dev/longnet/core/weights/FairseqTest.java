// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.TorchscaleConfig;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Checkpoints of torchscale's fairseq recipe.
class FairseqTest {
  private static final Path FILES = GoldenFiles.resource("pytorch");

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"fairseq-args.pt", "fairseq-cfg.pt"})
  void theModelAndItsArgumentsAreFoundAmongTheSettings(String name) throws IOException {
    Path run = directory.resolve("run");
    Path golden = directory.resolve("golden");
    TorchscaleImport.run(FILES.resolve(name), run, GoldenFiles.PLAIN);
    TorchscaleImport.run(GoldenFiles.path("decoder_no_xpos"), golden, GoldenFiles.PLAIN);
    Checkpoint imported = Checkpoint.open(run);
    assertThat(imported.model()).isEqualTo(Checkpoint.open(golden).model());
    try (SafetensorsFile actual = SafetensorsFile.open(imported.weights());
        SafetensorsFile expected = SafetensorsFile.open(golden.resolve("model.safetensors"));
        Arena arena = Arena.ofConfined()) {
      assertThat(actual.names()).isEqualTo(expected.names());
      for (String tensor : expected.names()) {
        TensorEntry half = Numbers.convert(expected.tensor(tensor), DType.F16, arena);
        assertThat(actual.tensor(tensor).data().mismatch(half.data())).as(tensor).isEqualTo(-1);
      }
    }
  }

  @Test
  void aCheckpointWhoseSettingsHoldNoModelSaysSo() {
    assertThatThrownBy(() ->
            TorchscaleImport.run(
                FILES.resolve("fairseq.pt"), directory.resolve("run"), GoldenFiles.PLAIN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("neither encoder_* nor decoder_* arguments");
  }

  @ParameterizedTest
  @CsvSource({
    "no_scale_embedding: false, no_scale_embedding is not supported",
    "no_token_positional_embeddings: false, no_token_positional_embeddings is not supported",
    "decoder_normalize_before: false, decoder_normalize_before is not supported",
    "moe_freq: 2, moe_freq is not supported",
  })
  void whatThisModelDoesNotComputeIsRefusedByName(String setting, String message) throws Exception {
    String[] entry = setting.split(": ");
    ObjectNode settings =
        (ObjectNode)
            new ObjectMapper()
                .readTree("{\"decoder_layers\": 2, \"" + entry[0] + "\": " + entry[1] + "}");
    ObjectNode arguments = TorchscaleConfig.ofFairseq(settings, 100);
    assertThat(arguments.get("vocab_size").asInt()).isEqualTo(100);
    assertThat(arguments.size()).isEqualTo(3);
    assertThatThrownBy(() -> TorchscaleConfig.model(arguments, "x.pt"))
        .hasMessageContaining(message);
  }
}
