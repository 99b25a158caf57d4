package dev.longnet.lm.weights;

import dev.longnet.lm.io.SafetensorsFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Optional;

/// torchscale's own models, as its code wrote them.
final class GoldenFiles {
  static final TorchscaleImport.Options PLAIN = options(false);

  private GoldenFiles() {}

  static TorchscaleImport.Options options(boolean zeroPaddedKeys) {
    return new TorchscaleImport.Options(
        Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), zeroPaddedKeys);
  }

  static Path path(String name) {
    try {
      return Path.of(
          GoldenFiles.class.getResource("/golden/torchscale/" + name + ".safetensors").toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  static SafetensorsFile open(String name) throws IOException {
    return SafetensorsFile.open(path(name));
  }
}
