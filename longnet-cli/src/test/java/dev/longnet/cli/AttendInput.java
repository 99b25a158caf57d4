// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.Floats;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// What `attend` reads.
final class AttendInput {
  private AttendInput() {}

  static Map<String, String> settings() {
    return Map.of(
        "segment_lengths",
        "[8, 32]",
        "dilation_ratios",
        "[1, 3]",
        "causal",
        "true",
        "head_offsets",
        "blocked");
  }

  static Path write(
      Path folder, String name, Map<String, String> metadata, List<TensorEntry> tensors)
      throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    SafetensorsWriter.write(file, metadata, tensors);
    return file;
  }

  static List<TensorEntry> inputs(long... shape) {
    Random random = new Random(1);
    List<TensorEntry> tensors = new ArrayList<>();
    for (String name : List.of("q", "k", "v", "grad_out")) {
      float[] values = new float[(int) Arrays.stream(shape).reduce(1, Math::multiplyExact)];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      tensors.add(TensorEntry.of(name, shape, values));
    }
    return tensors;
  }

  static TensorEntry converted(TensorEntry entry, DType type) {
    MemorySegment data = Arena.ofAuto().allocate(entry.elements() * type.size(), 8);
    for (long i = 0; i < entry.elements(); i++) {
      float value = Floats.get(entry, i);
      switch (type) {
        case F64 -> data.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
        case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        case BF16 ->
            data.setAtIndex(
                ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> throw new AssertionError(type);
      }
    }
    return new TensorEntry(entry.name(), type, entry.shape(), data);
  }
}
