// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// A safetensors file, mapped, so that it may be larger than memory. Nothing in it is trusted:
/// header length, JSON depth, duplicate names, sizes, and that the tensors tile the data without
/// holes or overlaps are checked on opening.
///
/// Tensors are views of the mapping: they end with [#close()].
public final class SafetensorsFile implements AutoCloseable {
  /// The reference implementation's limit.
  private static final long MAX_HEADER = 100_000_000;

  private static final int MAX_RANK = 32;
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(8)
                  .maxStringLength((int) MAX_HEADER)
                  .maxNumberLength(20)
                  .build())
          .build();

  private final Path path;
  private final Arena arena;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();

  /// A tensor's place in the data as the header gives it, not yet checked against the file.
  private record Claim(String name, DType type, long[] shape, long begin, long end) {}

  private SafetensorsFile(Path path) throws IOException {
    this.path = path;
    this.arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment file = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      parse(file);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /// @throws IllegalArgumentException one line: the file, the field and the rule it breaks
  public static SafetensorsFile open(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      throw new IllegalArgumentException(path + ": a directory, not a safetensors file");
    }
    try {
      return new SafetensorsFile(path);
    } catch (IllegalArgumentException e) {
      String kind = FileKind.of(path).filter(k -> !k.equals(FileKind.SAFETENSORS)).orElse("");
      throw new IllegalArgumentException(
          kind.isEmpty()
              ? path + ": " + e.getMessage()
              : path + " is " + kind + "; a safetensors file is needed here",
          e);
    }
  }

  public Path path() {
    return path;
  }

  /// The strings under `__metadata__`; empty when there are none.
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  /// In the order of the header.
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  public boolean contains(String name) {
    return tensors.containsKey(name);
  }

  /// @throws IllegalArgumentException when the file has no such tensor
  public TensorEntry tensor(String name) {
    TensorEntry tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(path + ": no tensor named " + name);
    }
    return tensor;
  }

  @Override
  public void close() {
    arena.close();
  }

  private void parse(MemorySegment file) throws IOException {
    if (file.byteSize() < 8) {
      throw new IllegalArgumentException("not a safetensors file: " + file.byteSize() + " bytes");
    }
    long length = file.get(LENGTH, 0);
    if (length < 2 || length > MAX_HEADER || length > file.byteSize() - 8) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "not a safetensors file, or truncated: header length must be 2 to %d: length=%d",
              Math.min(MAX_HEADER, file.byteSize() - 8),
              length));
    }
    byte[] header = file.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
    MemorySegment data = file.asSlice(8 + length);
    List<Claim> claims;
    try (JsonParser json = JSON.createParser(header)) {
      claims = header(json);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "header is not valid JSON: "
              + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
          e);
    }
    List<Claim> byOffset = new ArrayList<>(claims);
    byOffset.sort(Comparator.comparingLong(Claim::begin).thenComparingLong(Claim::end));
    long end = 0;
    for (Claim claim : byOffset) {
      long bytes = bytes(claim);
      if (claim.begin() != end || claim.end() < claim.begin() || claim.end() > data.byteSize()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "tensor %s: data_offsets must start at %d, where the previous tensor ends, and "
                    + "end within %d bytes of data: [%d, %d]",
                claim.name(),
                end,
                data.byteSize(),
                claim.begin(),
                claim.end()));
      }
      if (claim.end() - claim.begin() != bytes) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "tensor %s: its shape and dtype take %d bytes: data_offsets=[%d, %d]",
                claim.name(),
                bytes,
                claim.begin(),
                claim.end()));
      }
      end = claim.end();
    }
    if (end != data.byteSize()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%d bytes follow the last tensor, or its header is missing",
              data.byteSize() - end));
    }
    for (Claim c : claims) {
      tensors.put(
          c.name(),
          new TensorEntry(
              c.name(), c.type(), c.shape(), data.asSlice(c.begin(), c.end() - c.begin())));
    }
  }

  private static long bytes(Claim claim) {
    try {
      return Math.multiplyExact(TensorEntry.elements(claim.shape()), claim.type().size());
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor " + claim.name() + ": " + e.getMessage(), e);
    }
  }

  private List<Claim> header(JsonParser json) throws IOException {
    List<Claim> claims = new ArrayList<>();
    expect(json.nextToken(), JsonToken.START_OBJECT, "the header");
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      expect(json.nextToken(), JsonToken.START_OBJECT, name);
      if (name.equals("__metadata__")) {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
          String key = json.currentName();
          expect(json.nextToken(), JsonToken.VALUE_STRING, "__metadata__." + key);
          metadata.put(key, json.getText());
        }
      } else {
        claims.add(claim(json, name));
      }
    }
    if (json.nextToken() != null) {
      throw new IllegalArgumentException("text follows the header's JSON");
    }
    return claims;
  }

  private static Claim claim(JsonParser json, String name) throws IOException {
    DType type = null;
    long[] shape = null;
    long[] offsets = null;
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String field = json.currentName();
      switch (field) {
        case "dtype" -> {
          expect(json.nextToken(), JsonToken.VALUE_STRING, name + ".dtype");
          type = type(name, json.getText());
        }
        case "shape" -> shape = longs(json, name + ".shape");
        case "data_offsets" -> offsets = longs(json, name + ".data_offsets");
        default ->
            throw new IllegalArgumentException("tensor " + name + ": unknown field " + field);
      }
    }
    if (type == null || shape == null || offsets == null || offsets.length != 2) {
      throw new IllegalArgumentException(
          "tensor " + name + ": needs dtype, shape and data_offsets [begin, end]");
    }
    return new Claim(name, type, shape, offsets[0], offsets[1]);
  }

  private static DType type(String name, String text) {
    try {
      return DType.valueOf(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor " + name + ": unknown dtype " + text, e);
    }
  }

  private static long[] longs(JsonParser json, String what) throws IOException {
    expect(json.nextToken(), JsonToken.START_ARRAY, what);
    long[] values = new long[MAX_RANK];
    int n = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      expect(json.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
      if (n == MAX_RANK) {
        throw new IllegalArgumentException(what + " must have at most " + MAX_RANK + " numbers");
      }
      values[n++] = json.getLongValue();
    }
    return Arrays.copyOf(values, n);
  }

  private static void expect(JsonToken actual, JsonToken expected, String what) {
    if (actual != expected) {
      throw new IllegalArgumentException(
          what + " must be " + expected + " in the header's JSON, is " + actual);
    }
  }
}
