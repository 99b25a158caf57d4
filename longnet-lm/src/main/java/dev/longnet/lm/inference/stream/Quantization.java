package dev.longnet.lm.inference.stream;

import dev.longnet.lm.io.DType;
import dev.longnet.lm.io.SafetensorsFile;
import dev.longnet.lm.io.SafetensorsWriter;
import dev.longnet.lm.io.TensorEntry;
import dev.longnet.lm.train.Checkpoint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Weight-only int8: every matrix as `name` [out, in] int8 and `name.scale` [out] float32, w = scale * i with
/// scale = max |w| / 127 of its row; vectors (norms, biases) stay as they are.
public final class Quantization {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Quantization() {}

  /// @param matrices how many
  /// @param bytesBefore of the matrices, as stored
  /// @param bytesAfter of the matrices with their scales
  public record Summary(int matrices, long bytesBefore, long bytesAfter) {}

  /// Writes a checkpoint of the same model with int8 matrices.
  ///
  /// @param directory must not exist
  public static Summary quantize(Checkpoint checkpoint, Path directory) throws IOException {
    int[] matrices = new int[1];
    long[] bytes = new long[2];
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.weights());
        Arena arena = Arena.ofConfined()) {
      List<TensorEntry> tensors = new ArrayList<>();
      for (String name : file.names()) {
        TensorEntry entry = file.tensor(name);
        if (entry.type() == DType.I8) {
          throw new IllegalArgumentException("already quantised: " + checkpoint.directory());
        }
        if (entry.shape().length != 2) {
          tensors.add(entry);
          continue;
        }
        if (entry.type() != DType.F32) {
          throw new IllegalArgumentException("tensor " + name + " must be F32: dtype=" + entry.type());
        }
        TensorEntry[] pair = quantize(entry, arena);
        tensors.addAll(List.of(pair));
        matrices[0]++;
        bytes[0] += entry.data().byteSize();
        bytes[1] += pair[0].data().byteSize() + pair[1].data().byteSize();
      }
      Checkpoint.writeModelOnly(
          directory,
          checkpoint.model(),
          checkpoint.tokenizer(),
          checkpoint.trainedLength(),
          path -> SafetensorsWriter.write(path, Map.of("format", "pt", "quantization", "int8 rows"), tensors));
    }
    return new Summary(matrices[0], bytes[0], bytes[1]);
  }

  private static TensorEntry[] quantize(TensorEntry matrix, Arena arena) {
    long out = matrix.shape()[0];
    long in = matrix.shape()[1];
    MemorySegment values = arena.allocate(Math.max(1, out * in)).asSlice(0, out * in);
    MemorySegment scales = arena.allocate(4 * out, 4);
    for (long row = 0; row < out; row++) {
      float largest = 0;
      for (long i = 0; i < in; i++) {
        float w = matrix.data().get(FLOAT, 4 * (row * in + i));
        if (!Float.isFinite(w)) {
          throw new IllegalArgumentException("tensor " + matrix.name() + " holds " + w + ": not a trained weight");
        }
        largest = Math.max(largest, Math.abs(w));
      }
      float scale = largest / 127;
      scales.set(FLOAT, 4 * row, scale);
      for (long i = 0; i < in; i++) {
        float w = matrix.data().get(FLOAT, 4 * (row * in + i));
        values.set(ValueLayout.JAVA_BYTE, row * in + i, scale == 0 ? 0 : (byte) Math.clamp(Math.round(w / scale), -127, 127));
      }
    }
    return new TensorEntry[] {
      new TensorEntry(matrix.name(), DType.I8, matrix.shape(), values),
      new TensorEntry(matrix.name() + WeightReader.SCALE, DType.F32, new long[] {out}, scales)
    };
  }
}
