// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Int8Rows;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// A checkpoint's tensors into a model and an optimizer.
public final class CheckpointTensors {
  private CheckpointTensors() {}

  /// Overwrites a model's parameters with a checkpoint's weights; int8 matrices become the float32
  /// ones they stand for.
  ///
  /// @throws IllegalArgumentException when names or shapes are not the model's
  public static void load(Checkpoint checkpoint, Decoder model) throws IOException {
    fill(checkpoint.weights(), model.parameters());
    model.prepare();
  }

  static void load(Checkpoint checkpoint, Optimizer optimizer) throws IOException {
    fill(checkpoint.optimizer(), optimizer.state());
  }

  private static void fill(Path path, Map<String, Tensor> tensors) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (String name : file.names()) {
        if (!tensors.containsKey(name) && !isScale(file, name)) {
          throw new IllegalArgumentException(path + ": the model has no tensor " + name);
        }
      }
      for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
        if (!file.names().contains(tensor.getKey())) {
          throw new IllegalArgumentException(path + ": tensor " + tensor.getKey() + " is missing");
        }
        TensorEntry entry = file.tensor(tensor.getKey());
        if (entry.type() == DType.I8) {
          try (Arena arena = Arena.ofConfined()) {
            copy(
                path,
                Int8Rows.dequantize(entry, file.tensor(entry.name() + Int8Rows.SCALE), arena),
                tensor.getValue());
          }
        } else {
          copy(path, entry, tensor.getValue());
        }
      }
    }
  }

  private static boolean isScale(SafetensorsFile file, String name) {
    String matrix =
        name.endsWith(Int8Rows.SCALE)
            ? name.substring(0, name.length() - Int8Rows.SCALE.length())
            : "";
    return file.names().contains(matrix) && file.tensor(matrix).type() == DType.I8;
  }

  private static void copy(Path path, TensorEntry entry, Tensor target) {
    long[] shape = new long[(int) target.dim()];
    Arrays.setAll(shape, target::size);
    if (!Arrays.equals(shape, entry.shape())) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: tensor %s must have shape %s, its own is %s",
              path,
              entry.name(),
              Arrays.toString(shape),
              Arrays.toString(entry.shape())));
    }
    try (PointerScope scope = new PointerScope()) {
      target.copy_(TensorMemory.view(entry));
    }
  }
}
