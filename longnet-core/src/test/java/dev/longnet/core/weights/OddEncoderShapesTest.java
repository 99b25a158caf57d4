// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.io.PyTorchFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Tensors around an encoder from which its configuration is taken.
class OddEncoderShapesTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"head.weight", "patch_embed.proj.weight"})
  void aScalarWhereAMatrixBelongsIsNamed(String name) throws IOException {
    List<TensorEntry> tensors = new ArrayList<>();
    try (PyTorchFile file = PyTorchFile.open(resource("longvit.pth"))) {
      int replaced = 0;
      for (String tensor : file.names()) {
        boolean odd = tensor.equals(name) || tensor.endsWith("." + name);
        tensors.add(odd ? TensorEntry.of(tensor, new long[0], 1f) : file.tensor(tensor));
        replaced += odd ? 1 : 0;
      }
      assertThat(replaced).isEqualTo(1);
      Path odd = temp.resolve("odd.safetensors");
      SafetensorsWriter.write(odd, Map.of(), tensors);
      TorchscaleImport.Options options =
          new TorchscaleImport.Options(
              Optional.of(resource("longvit.json")),
              Optional.empty(),
              Optional.empty(),
              Optional.empty(),
              false);
      assertThatThrownBy(() -> TorchscaleImport.run(odd, temp.resolve("run"), options))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(name)
          .hasMessageContaining("must be a matrix");
    }
  }

  private static Path resource(String name) {
    return GoldenFiles.resource("encoders/" + name);
  }
}
