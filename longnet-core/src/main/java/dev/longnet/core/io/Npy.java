// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// NumPy's `.npy` files, formats 1.0 to 3.0: little-endian numbers and booleans in C order. Every
/// length is checked; Python objects, structured and big-endian types are named and refused. The
/// header is matched, not evaluated.
public final class Npy {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int MAX_HEADER = 64 << 10;
  private static final int MAX_DIMENSIONS = 32;
  private static final Pattern HEADER =
      Pattern.compile(
          "\\{\\s*'descr':\\s*'([^']{1,32})',\\s*'fortran_order':\\s*(True|False),\\s*'shape':\\s*"
              + "\\(([0-9,\\s]*)\\),?\\s*\\}\\s*");
  private static final Map<String, DType> TYPES =
      Map.ofEntries(
          Map.entry("<f8", DType.F64),
          Map.entry("<f4", DType.F32),
          Map.entry("<f2", DType.F16),
          Map.entry("<i8", DType.I64),
          Map.entry("<i4", DType.I32),
          Map.entry("<i2", DType.I16),
          Map.entry("|i1", DType.I8),
          Map.entry("|u1", DType.U8),
          Map.entry("|b1", DType.BOOL));

  private Npy() {}

  /// Maps a file.
  ///
  /// @param arena how long the array's memory lives
  /// @return an entry named as the file
  /// @throws IllegalArgumentException one line: the file and what is wrong with it
  public static TensorEntry open(Path path, Arena arena) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return read(path, channel, arena);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(path + ": " + e.getMessage(), e);
    }
  }

  private static TensorEntry read(Path path, FileChannel channel, Arena arena) throws IOException {
    long size = channel.size();
    byte[] start = bytes(channel, 0, (int) Math.min(size, 12));
    for (int i = 0; i < MAGIC.length; i++) {
      if (start.length < 10 || start[i] != MAGIC[i]) {
        throw new IllegalArgumentException(
            "not a .npy file: it does not begin with \\x93NUMPY and a header");
      }
    }
    int version = start[6];
    if (version < 1 || version > 3 || start[7] != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "format %d.%d is not known, only 1.0 to 3.0", version, start[7]));
    }
    int from = version == 1 ? 10 : 12;
    if (start.length < from) {
      throw new IllegalArgumentException("truncated in its header");
    }
    ByteBuffer buffer = ByteBuffer.wrap(start).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    long length = version == 1 ? buffer.getShort(8) & 0xffff : buffer.getInt(8) & 0xffffffffL;
    if (length > MAX_HEADER || from + length > size) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "header length must be at most %d and within the file: %d",
              MAX_HEADER,
              length));
    }
    String header = new String(bytes(channel, from, (int) length), StandardCharsets.UTF_8);
    Matcher match = HEADER.matcher(header);
    if (!match.matches()) {
      String shown = header.strip().replaceAll("\\p{Cntrl}", "?");
      throw new IllegalArgumentException(
          "header is not {'descr': TYPE, 'fortran_order': BOOL, 'shape': TUPLE}: "
              + (shown.length() > 80 ? shown.substring(0, 80) + "…" : shown));
    }
    DType type = TYPES.get(match.group(1));
    if (type == null) {
      throw new IllegalArgumentException(
          "descr must be one of "
              + TYPES.keySet().stream().sorted().toList()
              + ": descr="
              + match.group(1));
    }
    String tuple = match.group(3).strip().replaceAll("\\s+", " ");
    long[] shape = shape(tuple);
    if (match.group(2).equals("True")
        && java.util.stream.LongStream.of(shape).filter(s -> s != 1).count() > 1) {
      throw new IllegalArgumentException(
          "fortran_order must be False: save numpy.ascontiguousarray(x)");
    }
    long expected;
    try {
      expected = type.size();
      for (long s : shape) {
        expected = Math.multiplyExact(expected, s);
      }
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("shape overflows: (" + tuple + ")", e);
    }
    long data = from + length;
    if (size - data != expected) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "shape (%s) of %s takes %d bytes, the file holds %d",
              tuple,
              type,
              expected,
              size - data));
    }
    MemorySegment segment =
        expected == 0 ? MemorySegment.NULL : channel.map(MapMode.READ_ONLY, data, expected, arena);
    return new TensorEntry(path.getFileName().toString(), type, shape, segment);
  }

  private static long[] shape(String tuple) {
    if (tuple.isBlank()) {
      return new long[0];
    }
    String[] parts = tuple.strip().replaceFirst(",$", "").split(",", -1);
    if (parts.length > MAX_DIMENSIONS) {
      throw new IllegalArgumentException(
          "shape must have at most " + MAX_DIMENSIONS + " dimensions: " + parts.length);
    }
    long[] shape = new long[parts.length];
    for (int i = 0; i < shape.length; i++) {
      try {
        shape[i] = Long.parseLong(parts[i].strip());
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(
            "shape must be a tuple of whole numbers: (" + tuple + ")", e);
      }
    }
    return shape;
  }

  private static byte[] bytes(FileChannel channel, long from, int count) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, from + buffer.position()) < 0) {
        throw new IllegalArgumentException("truncated");
      }
    }
    return buffer.array();
  }

  /// Writes one array, format 1.0, whole or not at all.
  public static void write(Path path, TensorEntry entry) throws IOException {
    String descr =
        TYPES.entrySet().stream()
            .filter(e -> e.getValue() == entry.type())
            .map(Map.Entry::getKey)
            .findFirst()
            .orElseThrow(() ->
                new IllegalArgumentException("NumPy has no type " + entry.type() + ": " + path));
    StringBuilder shape = new StringBuilder();
    for (long s : entry.shape()) {
      shape.append(s).append(", ");
    }
    String tuple =
        entry.shape().length == 1
            ? shape.toString().strip()
            : shape.toString().replaceFirst(", $", "");
    String header =
        String.format(
            Locale.ROOT, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple);
    // The data begin at a multiple of 64, as NumPy writes them.
    int padded = Math.ceilDiv(10 + header.length() + 1, 64) * 64 - 10;
    ByteBuffer head = ByteBuffer.allocate(10 + padded).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    head.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) padded);
    head.put(
            (header + " ".repeat(padded - 1 - header.length()) + "\n")
                .getBytes(StandardCharsets.US_ASCII))
        .flip();
    AtomicFiles.writeFile(
        path,
        temporary -> {
          try (FileChannel out =
              FileChannel.open(
                  temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            writeAll(out, head);
            MemorySegment data = entry.data();
            for (long at = 0; at < data.byteSize(); at += 1 << 26) {
              writeAll(
                  out, data.asSlice(at, Math.min(1 << 26, data.byteSize() - at)).asByteBuffer());
            }
          }
        });
  }

  private static void writeAll(FileChannel out, ByteBuffer from) throws IOException {
    while (from.hasRemaining()) {
      out.write(from);
    }
  }
}
