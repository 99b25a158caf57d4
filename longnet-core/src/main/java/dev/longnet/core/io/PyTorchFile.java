// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import dev.longnet.core.io.TensorPickle.StorageRef;
import dev.longnet.core.io.TensorPickle.TensorRef;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/// A checkpoint written by `torch.save` (the zip format of PyTorch 1.6 and later), read without
/// executing anything in it: tensors, numbers, strings, containers and fairseq's settings; any
/// other class is named and refused ([TensorPickle]).
///
/// The file is mapped, so it may be larger than memory. Tensors of nested dictionaries are named by
/// their path, joined with dots: `model.decoder.layers.0…`.
public final class PyTorchFile implements AutoCloseable {
  private static final long MAX_PICKLE = 256L << 20;
  private static final int MAX_DEPTH = 32;
  private static final int MAX_VALUES = 5_000_000;

  private final Path path;
  private final Arena arena;
  private final MemorySegment file;
  private final Map<String, Stored> records = new HashMap<>();
  private final Map<String, TensorRef> tensors = new LinkedHashMap<>();
  private final @Nullable Object values;
  private int visited;

  /// Where a record's bytes lie in the file.
  private record Stored(long offset, long size) {}

  private PyTorchFile(Path path) throws IOException {
    this.path = path;
    this.arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      this.file = channel.map(MapMode.READ_ONLY, 0, size, arena);
      byte[] pickle = readDirectory(channel, size); // closes the channel
      this.values = flatten("", TensorPickle.read(pickle), 0);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /// @throws IllegalArgumentException one line: the file, what is wrong or refused
  public static PyTorchFile open(Path path) throws IOException {
    try {
      return new PyTorchFile(path);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(path + ": " + e.getMessage(), e);
    }
  }

  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /// What the file holds besides tensors: nested maps, lists, strings and numbers; tensors are left
  /// out.
  public @Nullable Object values() {
    return values;
  }

  /// The tensor's elements in row-major order: a view of the mapped file where they are contiguous
  /// there, else a copy. Valid until this file is closed.
  public TensorEntry tensor(String name) {
    TensorRef tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(path + ": no tensor of that name: " + name);
    }
    StorageRef storage = tensor.storage();
    // Opening checked that every tensor's record is there.
    Stored bytes = Objects.requireNonNull(records.get("data/" + storage.key()));
    int width = storage.type().size();
    MemorySegment all = file.asSlice(bytes.offset(), storage.elements() * width);
    long[] shape = tensor.shape();
    long count =
        LongStream.of(shape).anyMatch(s -> s == 0)
            ? 0
            : LongStream.of(shape).reduce(1, (a, b) -> a * b);
    if (count == 0) {
      return new TensorEntry(
          name, storage.type(), shape.clone(), MemorySegment.ofArray(new byte[0]));
    }
    if (isContiguous(shape, tensor.strides())) {
      return new TensorEntry(
          name, storage.type(), shape.clone(), all.asSlice(tensor.offset() * width, count * width));
    }
    MemorySegment copy = arena.allocate(count * width, 64);
    long[] index = new long[shape.length];
    for (long i = 0; i < count; i++) {
      long at = tensor.offset();
      for (int d = 0; d < shape.length; d++) {
        at += index[d] * tensor.strides()[d];
      }
      MemorySegment.copy(all, at * width, copy, i * width, width);
      for (int d = shape.length - 1; d >= 0 && ++index[d] == shape[d]; d--) {
        index[d] = 0;
      }
    }
    return new TensorEntry(name, storage.type(), shape.clone(), copy);
  }

  @Override
  public void close() {
    arena.close();
  }

  /// Finds the archive's records; returns the pickle. Records must be stored, not compressed, as
  /// torch writes them.
  private byte[] readDirectory(FileChannel channel, long size) throws IOException {
    byte[] pickle = null;
    try (ZipFile zip =
        ZipFile.builder().setSeekableByteChannel(channel).setIgnoreLocalFileHeader(false).get()) {
      for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
        int slash = entry.getName().indexOf('/');
        String name = entry.getName().substring(slash + 1);
        if (entry.isDirectory()) {
          continue;
        }
        long offset = entry.getDataOffset();
        if (entry.getMethod() != ZipEntry.STORED
            || offset < 0
            || entry.getSize() < 0
            || entry.getSize() > size - offset) {
          throw new IllegalArgumentException(
              "record "
                  + entry.getName()
                  + " is compressed or reaches past the end of the file (truncated?)");
        }
        if (records.put(name, new Stored(offset, entry.getSize())) != null) {
          throw new IllegalArgumentException("two records are named " + entry.getName());
        }
        if (name.equals("data.pkl")) {
          pickle = readRecord(zip, entry, MAX_PICKLE);
        } else if (name.equals("byteorder")) {
          String order = new String(readRecord(zip, entry, 16), StandardCharsets.US_ASCII);
          if (!order.equals("little")) {
            throw new IllegalArgumentException("byteorder must be little: byteorder=" + order);
          }
        }
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "not a zip checkpoint of PyTorch 1.6 or later, or truncated: " + e.getMessage(), e);
    }
    if (pickle == null) {
      throw new IllegalArgumentException(
          "not a checkpoint of torch.save: it has no record data.pkl");
    }
    return pickle;
  }

  private static byte[] readRecord(ZipFile zip, ZipArchiveEntry entry, long limit)
      throws IOException {
    if (entry.getSize() > limit) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "record %s must be at most %d bytes: %d",
              entry.getName(),
              limit,
              entry.getSize()));
    }
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] bytes = in.readNBytes((int) entry.getSize());
      if (bytes.length != entry.getSize()) {
        throw new IllegalArgumentException("record " + entry.getName() + " is truncated");
      }
      return bytes;
    }
  }

  /// Moves tensors from the value tree to the table of tensors.
  private @Nullable Object flatten(String prefix, @Nullable Object value, int depth) {
    // A pickle can share one container in many places, or hold itself: the tree it unfolds to must
    // stay small.
    if (depth > MAX_DEPTH || ++visited > MAX_VALUES) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "values nest deeper than %d or unfold to more than %d",
              MAX_DEPTH,
              MAX_VALUES));
    }
    return switch (value) {
      case TensorRef tensor -> {
        check(prefix, tensor);
        if (tensors.put(prefix, tensor) != null) {
          throw new IllegalArgumentException("two tensors are named " + prefix);
        }
        yield null;
      }
      case PickledObject object -> flatten(prefix, object.value(), depth + 1);
      case Map<?, ?> map -> {
        Map<String, Object> plain = new LinkedHashMap<>();
        for (Map.Entry<?, ?> e : map.entrySet()) {
          keep(plain, prefix, String.valueOf(e.getKey()), e.getValue(), depth);
        }
        yield plain;
      }
      case Collection<?> items -> {
        Map<String, Object> plain = new LinkedHashMap<>();
        int i = 0;
        for (Object item : items) {
          keep(plain, prefix, String.valueOf(i++), item, depth);
        }
        List<Object> list = new ArrayList<>(plain.values());
        yield list;
      }
      case String text -> text;
      case Number number -> number;
      case Boolean flag -> flag;
      case byte[] bytes -> bytes;
      case null -> null;
      default ->
          throw new IllegalArgumentException(
              "refused a bare class or function at "
                  + prefix
                  + ": only tensors, numbers, strings and containers are read");
    };
  }

  private void keep(
      Map<String, Object> plain, String prefix, String key, @Nullable Object value, int depth) {
    Object kept = flatten(prefix.isEmpty() ? key : prefix + "." + key, value, depth + 1);
    if (!(value instanceof TensorRef)) {
      plain.put(key, kept);
    }
  }

  private void check(String name, TensorRef tensor) {
    StorageRef storage = tensor.storage();
    Stored bytes = records.get("data/" + storage.key());
    if (bytes == null) {
      throw new IllegalArgumentException("tensor " + name + ": no record data/" + storage.key());
    }
    long width = storage.type().size();
    if (storage.elements() < 0 || storage.elements() > bytes.size() / width) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s: its storage claims %d elements of %d bytes, record data/%s holds %d bytes",
              name,
              storage.elements(),
              width,
              storage.key(),
              bytes.size()));
    }
    long count = 1;
    if (LongStream.of(tensor.shape()).anyMatch(s -> s == 0)) {
      return;
    }
    for (long s : tensor.shape()) {
      count = count > storage.elements() / s ? Long.MAX_VALUE : count * s;
      if (count > storage.elements()) {
        // A stride of 0 could repeat a few elements beyond any memory.
        throw new IllegalArgumentException(
            "tensor " + name + " has more elements than its storage");
      }
    }
  }

  private static boolean isContiguous(long[] shape, long[] strides) {
    long expected = 1;
    for (int d = shape.length - 1; d >= 0; d--) {
      if (shape[d] != 1 && strides[d] != expected) {
        return false;
      }
      expected *= shape[d];
    }
    return true;
  }
}
