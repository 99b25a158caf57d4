// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The tensors of a checkpoint in any of the forms people have them in: one safetensors file,
/// shards with an index, or `torch.save`'s zip file. Files are mapped; tensors end with [#close()].
public interface WeightFiles extends AutoCloseable {

  /// In the file's order.
  Set<String> names();

  /// @throws IllegalArgumentException when there is no such tensor
  TensorEntry tensor(String name);

  /// What a safetensors header says under `__metadata__`; of a PyTorch file the top-level strings.
  Map<String, String> metadata();

  /// What a PyTorch file holds besides tensors, else nothing.
  default Map<?, ?> values() {
    return Map.of();
  }

  @Override
  void close();

  /// @param path `*.safetensors`, `*.index.json`, a directory with `model.safetensors.index.json`
  ///   or `model.safetensors`, or (`.pt`, `.pth`, `.bin`, `.ckpt`) a PyTorch file
  static WeightFiles open(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      Path index = path.resolve(ShardedWeights.INDEX);
      Path single = path.resolve("model.safetensors");
      if (!Files.isRegularFile(index) && !Files.isRegularFile(single)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "neither %s nor model.safetensors is in %s",
                ShardedWeights.INDEX,
                path));
      }
      return open(Files.isRegularFile(index) ? index : single);
    }
    String name = path.getFileName().toString();
    if (name.endsWith(".index.json")) {
      return ShardedWeights.open(path);
    }
    if (name.matches(".*\\.(pt|pth|bin|ckpt)")) {
      return pytorch(PyTorchFile.open(path));
    }
    return safetensors(SafetensorsFile.open(path));
  }

  private static WeightFiles safetensors(SafetensorsFile file) {
    return new WeightFiles() {
      @Override
      public Set<String> names() {
        return file.names();
      }

      @Override
      public TensorEntry tensor(String name) {
        return file.tensor(name);
      }

      @Override
      public Map<String, String> metadata() {
        return file.metadata();
      }

      @Override
      public void close() {
        file.close();
      }
    };
  }

  private static WeightFiles pytorch(PyTorchFile file) {
    Map<?, ?> values = file.values() instanceof Map<?, ?> map ? map : Map.of();
    Map<String, String> strings = new LinkedHashMap<>();
    values.forEach((key, value) -> {
      if (value instanceof String text) {
        strings.put(String.valueOf(key), text);
      }
    });
    return new WeightFiles() {
      @Override
      public Set<String> names() {
        return file.names();
      }

      @Override
      public TensorEntry tensor(String name) {
        return file.tensor(name);
      }

      @Override
      public Map<String, String> metadata() {
        return strings;
      }

      @Override
      public Map<?, ?> values() {
        return values;
      }

      @Override
      public void close() {
        file.close();
      }
    };
  }
}
