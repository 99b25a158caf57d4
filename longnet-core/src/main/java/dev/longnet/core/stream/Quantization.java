// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Int8Rows;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;

/// Weight-only int8 ([Int8Rows]) of every matrix of a model; vectors (norms, biases) stay as they
/// are.
public final class Quantization {
  private Quantization() {}

  /// @param matrices how many
  /// @param bytesBefore of the matrices, as stored
  /// @param bytesAfter of the matrices with their scales
  public record Summary(int matrices, long bytesBefore, long bytesAfter) {}

  /// Writes a checkpoint of the same model with int8 matrices.
  ///
  /// @param directory must not exist
  public static Summary quantize(Checkpoint checkpoint, Path directory) throws IOException {
    int matrices = 0;
    long before = 0;
    long after = 0;
    Blueprint blueprint = Blueprint.of(checkpoint.model());
    // Not Map.of, whose order changes from run to run: the same model gives the same file.
    SequencedMap<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "pt");
    metadata.put("quantization", "int8 rows");
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.weights());
        Arena arena = Arena.ofConfined()) {
      if (file.names().stream().anyMatch(name -> file.tensor(name).type() == DType.I8)) {
        throw new IllegalArgumentException("already quantised: " + checkpoint.directory());
      }
      List<TensorEntry> tensors = new ArrayList<>();
      for (String name : file.names()) {
        TensorEntry entry = file.tensor(name);
        if (!blueprint.parameter(name).matrix()) {
          tensors.add(entry);
          continue;
        }
        Int8Rows.Pair pair = Int8Rows.quantize(entry, arena);
        tensors.add(pair.matrix());
        tensors.add(pair.scales());
        matrices++;
        before += entry.data().byteSize();
        after += pair.matrix().data().byteSize() + pair.scales().data().byteSize();
      }
      Checkpoint.writeModelOnly(
          directory,
          checkpoint.model(),
          checkpoint.tokenizer(),
          checkpoint.trainedLength(),
          path -> SafetensorsWriter.write(path, metadata, tensors));
    }
    return new Summary(matrices, before, after);
  }

  /// The same without a file: a model's tensors by name as they would be read from its int8
  /// checkpoint.
  ///
  /// @param blueprint the model's
  /// @param tensors a float32 model's, by torchscale's names
  /// @param arena of the int8 tensors
  public static Function<String, TensorEntry> int8(
      Blueprint blueprint, Function<String, TensorEntry> tensors, Arena arena) {
    Map<String, Int8Rows.Pair> pairs = new HashMap<>();
    Function<String, Int8Rows.Pair> pair =
        name ->
            pairs.computeIfAbsent(name, matrix -> Int8Rows.quantize(tensors.apply(matrix), arena));
    return name -> {
      if (name.endsWith(Int8Rows.SCALE)) {
        return pair.apply(name.substring(0, name.length() - Int8Rows.SCALE.length())).scales();
      }
      TensorEntry entry = tensors.apply(name);
      return blueprint.parameter(name).matrix() ? pair.apply(name).matrix() : entry;
    };
  }
}
