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
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
    Map<String, MemorySegment> data = new HashMap<>();
    tensors.forEach(tensor -> data.put(tensor.name(), tensor.data()));
    List<Place> places =
        tensors.stream().map(t -> new Place(t.name(), t.type(), t.shape())).toList();
    write(
        target,
        metadata,
        places,
        pieces -> {
          for (Place place : ordered(places)) {
            pieces.put(place.name, 0, Objects.requireNonNull(data.get(place.name)));
          }
        });
  }

  /// A tensor whose bytes come in pieces.
  ///
  /// @param shape sizes, outermost first; empty for a scalar
  public record Place(String name, DType type, long[] shape) {
    private long bytes() {
      return Math.multiplyExact(TensorEntry.elements(shape), type.size());
    }
  }

  /// Takes the pieces, in any order.
  public interface Pieces {
    /// @param from where in the tensor's bytes the piece begins
    void put(String tensor, long from, MemorySegment piece) throws IOException;
  }

  /// Hands over the pieces; every byte of every tensor once.
  public interface Body {
    void writeTo(Pieces pieces) throws IOException;
  }

  /// As [#write(Path, Map, List)], for tensors that are nowhere as a whole.
  ///
  /// @throws IllegalArgumentException when two tensors have one name
  public static void write(
      Path target, Map<String, String> metadata, List<Place> tensors, Body body)
      throws IOException {
    Layout layout = Layout.of(metadata, tensors);
    AtomicFiles.writeFile(
        target,
        temporary -> {
          layout.begin(temporary);
          layout.fill(temporary, body);
        });
  }

  /// A file's places, for several processes that fill one file, each some of its bytes: one begins
  /// it, all fill it. What makes it appear whole or not at all is theirs to do.
  public static final class Layout {
    private final byte[] header;
    private final Map<String, Long> begins = new HashMap<>();

    private Layout(byte[] header) {
      this.header = header;
    }

    /// @throws IllegalArgumentException when two tensors have one name
    public static Layout of(Map<String, String> metadata, List<Place> tensors) throws IOException {
      List<Place> ordered = ordered(tensors);
      Layout layout = new Layout(header(metadata, ordered));
      long next = (long) Long.BYTES + layout.header.length;
      for (Place place : ordered) {
        layout.begins.put(place.name, next);
        next += place.bytes();
      }
      return layout;
    }

    /// Writes all but the tensors' bytes.
    ///
    /// @param file must not exist
    public void begin(Path file) throws IOException {
      try (FileChannel out =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        ByteBuffer size = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        write(out, 0, size.putLong(header.length).flip());
        write(out, Long.BYTES, ByteBuffer.wrap(header));
      }
    }

    /// Writes pieces to a file that was begun, and forces them to disk.
    public void fill(Path file, Body body) throws IOException {
      try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
        body.writeTo((name, from, piece) -> {
          long begin = Objects.requireNonNull(begins.get(name), name) + from;
          for (long at = 0; at < piece.byteSize(); at += CHUNK) {
            long bytes = Math.min(CHUNK, piece.byteSize() - at);
            write(out, begin + at, piece.asSlice(at, bytes).asByteBuffer());
          }
        });
        out.force(true);
      }
    }
  }

  private static List<Place> ordered(List<Place> tensors) {
    return tensors.stream()
        .sorted(Comparator.comparingInt((Place t) -> -t.type.size()).thenComparing(Place::name))
        .toList();
  }

  private static void write(FileChannel out, long from, ByteBuffer bytes) throws IOException {
    long at = from;
    while (bytes.hasRemaining()) {
      at += out.write(bytes, at);
    }
  }

  private static byte[] header(Map<String, String> metadata, List<Place> tensors)
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
      for (Place tensor : tensors) {
        if (!names.add(tensor.name()) || tensor.name().equals("__metadata__")) {
          throw new IllegalArgumentException("two tensors are named " + tensor.name());
        }
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.type().name());
        json.writeFieldName("shape");
        json.writeArray(tensor.shape(), 0, tensor.shape().length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {at, at + tensor.bytes()}, 0, 2);
        json.writeEndObject();
        at += tensor.bytes();
      }
      json.writeEndObject();
    }
    while (bytes.size() % 8 != 0) {
      bytes.write(' ');
    }
    return bytes.toByteArray();
  }
}
