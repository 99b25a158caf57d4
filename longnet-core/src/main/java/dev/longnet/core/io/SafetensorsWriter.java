// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes safetensors files atomically. Wider types come first and the header is padded to 8 bytes,
/// so that every tensor is aligned for its type, as other frameworks' readers like it.
public final class SafetensorsWriter {
  private static final JsonFactory JSON = new JsonFactory();
  private static final long CHUNK = 1L << 30;

  private SafetensorsWriter() {}

  /// @param tensors written as they are; their memory is only read
  /// @throws IllegalArgumentException when two tensors have one name
  public static void write(Path target, Map<String, String> metadata, List<TensorEntry> tensors)
      throws IOException {
    List<TensorEntry> ordered = new ArrayList<>(tensors);
    ordered.sort(
        Comparator.comparingInt((TensorEntry t) -> -t.type().size())
            .thenComparing(TensorEntry::name));
    byte[] header = header(metadata, ordered);
    AtomicFiles.writeFile(
        target,
        temporary -> {
          try (FileChannel out =
              FileChannel.open(
                  temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            write(
                out,
                ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(header.length)
                    .flip());
            write(out, ByteBuffer.wrap(header));
            for (TensorEntry tensor : ordered) {
              MemorySegment data = tensor.data();
              for (long at = 0; at < data.byteSize(); at += CHUNK) {
                write(out, data.asSlice(at, Math.min(CHUNK, data.byteSize() - at)).asByteBuffer());
              }
            }
          }
        });
  }

  private static void write(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static byte[] header(Map<String, String> metadata, List<TensorEntry> tensors)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Set<String> names = new HashSet<>();
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart("__metadata__");
        for (Map.Entry<String, String> e : metadata.entrySet()) {
          json.writeStringField(e.getKey(), e.getValue());
        }
        json.writeEndObject();
      }
      long at = 0;
      for (TensorEntry tensor : tensors) {
        if (!names.add(tensor.name()) || tensor.name().equals("__metadata__")) {
          throw new IllegalArgumentException("two tensors are named " + tensor.name());
        }
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.type().name());
        json.writeFieldName("shape");
        json.writeArray(tensor.shape(), 0, tensor.shape().length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {at, at + tensor.data().byteSize()}, 0, 2);
        json.writeEndObject();
        at += tensor.data().byteSize();
      }
      json.writeEndObject();
    }
    while (bytes.size() % 8 != 0) {
      bytes.write(' ');
    }
    return bytes.toByteArray();
  }
}
