// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import dev.longnet.core.io.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/// torchscale's own models, as its code wrote them.
public final class GoldenFiles {
  public static final TorchscaleImport.Options PLAIN = options(false);

  private GoldenFiles() {}

  public static TorchscaleImport.Options options(boolean zeroPaddedKeys) {
    return new TorchscaleImport.Options(
        Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), zeroPaddedKeys);
  }

  /// The file itself, also for tests of other modules.
  public static Path path(String name) {
    return resource("golden/torchscale/" + name + ".safetensors");
  }

  /// A test resource of this module as a file.
  public static Path resource(String name) {
    return Path.of("../longnet-core/src/test/resources").resolve(name);
  }

  public static SafetensorsFile open(String name) throws IOException {
    return SafetensorsFile.open(path(name));
  }
}
