// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Named tensors to and from safetensors files.
public final class TensorFiles {
  private TensorFiles() {}

  /// Copies every tensor of a file to the CPU's memory, in the file's types; they belong to the
  /// caller's scope.
  public static LinkedHashMap<String, Tensor> read(Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      LinkedHashMap<String, Tensor> tensors = new LinkedHashMap<>();
      for (String name : file.names()) {
        TensorEntry entry = file.tensor(name);
        tensors.put(name, Scopes.tensor(() -> TensorMemory.view(entry).clone()));
      }
      return tensors;
    }
  }

  /// Writes tensors of any device and strides, in their types, whole or not at all.
  public static void write(Path target, Map<String, String> metadata, Map<String, Tensor> tensors)
      throws IOException {
    try (PointerScope scope = new PointerScope()) {
      List<TensorEntry> entries = new ArrayList<>();
      // The scope holds the dense copies until they are written.
      tensors.forEach((name, tensor) ->
          entries.add(TensorMemory.entry(name, tensor.detach().cpu().contiguous())));
      SafetensorsWriter.write(target, metadata, entries);
    }
  }
}
