// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Whether ranks were given the same things: recipe, code, corpus, checkpoint.
public final class Agreement {
  private Agreement() {}

  /// Every rank says what it was given. Returns when all say the same.
  ///
  /// @param group all of its ranks call this
  /// @param values by name; a recipe's with one name for each key. What is there or not, without a
  ///   value, has an empty one
  /// @throws FieldException on every rank, with the first name on which a rank differs from rank 0,
  ///   and both values
  public static void require(Collectives group, Map<String, String> values) {
    require(group, values, Field::of);
  }

  /// As above, of what nobody sets.
  ///
  /// @throws IllegalArgumentException as above
  public static void requireFound(Collectives group, Map<String, String> values) {
    require(group, values, (name, value) -> name + "=" + value);
  }

  /// How a message says a name with its value.
  private interface Words {
    Object of(String name, String value);
  }

  private static void require(Collectives group, Map<String, String> values, Words words) {
    List<byte[]> said = group.gather(encode(values));
    SortedMap<String, String> first = decode(said.getFirst());
    for (int rank = 1; rank < said.size(); rank++) {
      SortedMap<String, String> other = decode(said.get(rank));
      if (!other.equals(first)) {
        throw different(rank, first, other, words);
      }
    }
  }

  private static IllegalArgumentException different(
      int rank, SortedMap<String, String> first, SortedMap<String, String> other, Words words) {
    TreeSet<String> names = new TreeSet<>(first.keySet());
    names.addAll(other.keySet());
    for (String name : names) {
      if (!Objects.equals(first.get(name), other.get(name))) {
        return new FieldException(
            "all ranks must be given the same: rank 0 has %s%s, rank %d has %s%s",
            first.containsKey(name) ? "" : "no ",
            said(name, first.get(name), other.get(name), words),
            rank,
            other.containsKey(name) ? "" : "no ",
            said(name, other.get(name), first.get(name), words));
      }
    }
    throw new AssertionError(first + " and " + other);
  }

  /// @param theirs null: they have nothing of that name
  private static Object said(
      String name, @Nullable String value, @Nullable String theirs, Words words) {
    return value == null || value.isEmpty() && theirs == null
        ? Field.of(name)
        : words.of(name, value.replaceAll("\\R", " "));
  }

  private static byte[] encode(Map<String, String> values) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      for (Map.Entry<String, String> entry : new TreeMap<>(values).entrySet()) {
        write(out, entry.getKey());
        write(out, entry.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void write(DataOutputStream out, String text) throws IOException {
    byte[] encoded = text.getBytes(UTF_8);
    out.writeInt(encoded.length);
    out.write(encoded);
  }

  private static SortedMap<String, String> decode(byte[] encoded) {
    SortedMap<String, String> values = new TreeMap<>();
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
      while (in.available() > 0) {
        String name = read(in);
        values.put(name, read(in));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return values;
  }

  private static String read(DataInputStream in) throws IOException {
    return new String(in.readNBytes(in.readInt()), UTF_8);
  }
}
