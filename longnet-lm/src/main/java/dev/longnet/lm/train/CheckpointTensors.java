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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// A checkpoint's tensors into a model and an optimizer.
public final class CheckpointTensors {
  private CheckpointTensors() {}

  /// Overwrites a model's parameters with a checkpoint's weights; int8 matrices become the float32
  /// ones they stand for.
  ///
  /// @throws IllegalArgumentException when names or shapes are not the model's
  public static void load(Checkpoint checkpoint, Decoder model) throws IOException {
    Map<String, Target> targets = new LinkedHashMap<>();
    model.parameters().forEach((name, value) -> targets.put(name, Target.whole(value)));
    fill(checkpoint.weights(), targets);
    model.prepare();
  }

  /// The moments of what an optimizer moves.
  ///
  /// @param parameters all parameters of its model
  static void load(Checkpoint checkpoint, Optimizer optimizer, Map<String, Tensor> parameters)
      throws IOException {
    Map<String, Target> targets = new LinkedHashMap<>();
    SequencedMap<String, Tensor> state = optimizer.state();
    for (String kind : List.of(Optimizer.FIRST, Optimizer.SECOND)) {
      parameters.forEach((name, value) -> {
        Optimizer.Part part = optimizer.parts().get(name);
        targets.put(
            kind + name,
            new Target(
                value.shape(),
                state.get(kind + name),
                part == null ? new Slice(0, 0) : part.elements()));
      });
    }
    fill(checkpoint.optimizer(), targets);
  }

  /// Where a file's tensor goes.
  ///
  /// @param shape the tensor's
  /// @param tensor takes some of its elements; null for none
  /// @param elements in row-major order
  private record Target(long[] shape, @Nullable Tensor tensor, Slice elements) {
    static Target whole(Tensor tensor) {
      return new Target(tensor.shape(), tensor, new Slice(0, tensor.numel()));
    }

    void take(Tensor all) {
      if (tensor != null) {
        tensor.copy_(
            elements.count() == all.numel()
                ? all
                : all.view(-1).narrow(0, elements.first(), elements.count()));
      }
    }
  }

  private static void fill(Path path, Map<String, Target> tensors) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (String name : file.names()) {
        if (!tensors.containsKey(name) && !isScale(file, name)) {
          throw new IllegalArgumentException(path + ": the model has no tensor " + name);
        }
      }
      for (Map.Entry<String, Target> tensor : tensors.entrySet()) {
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

  private static void copy(Path path, TensorEntry entry, Target target) {
    if (!Arrays.equals(target.shape, entry.shape())) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: tensor %s must have shape %s, its own is %s",
              path,
              entry.name(),
              Arrays.toString(target.shape),
              Arrays.toString(entry.shape())));
    }
    try (PointerScope scope = new PointerScope()) {
      target.take(TensorMemory.view(entry));
    }
  }
}
