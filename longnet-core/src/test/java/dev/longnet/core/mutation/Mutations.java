// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// Damage to a file as disks, networks and hostile people do it: flipped bits, cut ends, lengths
/// that lie, parts that come twice or not at all, two files that run into each other.
final class Mutations {
  private static final long[] EXTREMES = {
    0,
    1,
    -1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0xffffff,
    Integer.MAX_VALUE,
    0x80000000L,
    0xffffffffL,
    1L << 32,
    1L << 40,
    1L << 61,
    Long.MAX_VALUE - 7,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private static final List<String> NUMBERS =
      List.of(
          "0",
          "-1",
          "1",
          "2147483647",
          "2147483648",
          "4294967296",
          "1099511627776",
          "9223372036854775807",
          "9223372036854775808",
          "99999999999999999999999999",
          "1e9",
          "1e308",
          "1e999999999",
          "0.5",
          "-0",
          "NaN",
          "00");

  private static final List<String> WORDS =
      List.of(
          "null", "true", "\"\"", "{}", "[]", "[[", "{", "}", "\"", ",", ":", "\\", "\\u0000", "\0",
          "\n", "\r", "\uFEFF", "é", "../", "/", "&a *a", "!!java", "- ", ">", "'", "#");

  /// No part is repeated to more than this.
  private static final int LONGEST = 1 << 16;

  private Mutations() {}

  /// @param other a second file, for splices
  static byte[] of(byte[] file, byte[] other, Random random) {
    byte[] mutant = file;
    for (boolean more = true; more; more = random.nextInt(3) == 0) {
      mutant = once(mutant, other, random);
    }
    return mutant;
  }

  private static byte[] once(byte[] file, byte[] other, Random random) {
    if (file.length == 0) {
      return other.clone();
    }
    return switch (random.nextInt(12)) {
      case 0, 1 -> flip(file, random);
      case 2 -> Arrays.copyOf(file, random.nextInt(file.length));
      case 3, 4, 5 -> length(file, random);
      case 6 -> number(file, random);
      case 7 -> {
        int at = random.nextInt(file.length + 1);
        yield insert(file, at, at, word(random));
      }
      case 8 -> { // twice, or many times
        int from = random.nextInt(file.length);
        int to = end(file, from, random);
        int times = random.nextInt(8) == 0 ? LONGEST / (to - from) : 1;
        byte[] again = new byte[Math.max(1, times) * (to - from)];
        for (int i = 0; i < again.length; i++) {
          again[i] = file[from + i % (to - from)];
        }
        yield insert(file, to, to, again);
      }
      case 9 -> {
        int from = random.nextInt(file.length);
        yield insert(file, from, end(file, from, random), new byte[0]);
      }
      case 10 -> {
        int from = random.nextInt(file.length);
        int start = random.nextInt(other.length + 1);
        yield random.nextBoolean()
            ? insert(file, from, file.length, Arrays.copyOfRange(other, start, other.length))
            : insert(
                file,
                from,
                from,
                Arrays.copyOfRange(
                    other, start, Math.min(other.length, start + 1 + random.nextInt(64))));
      }
      default -> {
        byte[] noise = new byte[1 + random.nextInt(8)];
        random.nextBytes(noise);
        int from = random.nextInt(file.length);
        yield insert(file, from, Math.min(file.length, from + noise.length), noise);
      }
    };
  }

  private static byte[] flip(byte[] file, Random random) {
    byte[] mutant = file.clone();
    for (int i = random.nextInt(4); i >= 0; i--) {
      mutant[random.nextInt(mutant.length)] ^= (byte) (1 << random.nextInt(8));
    }
    return mutant;
  }

  /// What may be a length, since it fits the file, becomes an extreme one.
  private static byte[] length(byte[] file, Random random) {
    int width = 1 << random.nextInt(4);
    if (file.length < width) {
      return flip(file, random);
    }
    ByteOrder order = random.nextInt(4) == 0 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    ByteBuffer bytes = ByteBuffer.wrap(file.clone()).order(order);
    int at = random.nextInt(file.length - width + 1);
    for (int i = 0; i < 16 && !isLength(get(bytes, at, width), file.length); i++) {
      at = random.nextInt(file.length - width + 1);
    }
    long old = get(bytes, at, width);
    long value =
        switch (random.nextInt(4)) {
          case 0 -> old + random.nextInt(5) - 2;
          case 1 -> file.length + random.nextInt(3) - 1;
          default -> EXTREMES[random.nextInt(EXTREMES.length)];
        };
    switch (width) {
      case 1 -> bytes.put(at, (byte) value);
      case 2 -> bytes.putShort(at, (short) value);
      case 4 -> bytes.putInt(at, (int) value);
      default -> bytes.putLong(at, value);
    }
    return bytes.array();
  }

  private static boolean isLength(long value, int size) {
    return value > 0 && value <= 4L * size;
  }

  private static long get(ByteBuffer bytes, int at, int width) {
    return switch (width) {
      case 1 -> bytes.get(at) & 0xff;
      case 2 -> bytes.getShort(at) & 0xffff;
      case 4 -> bytes.getInt(at);
      default -> bytes.getLong(at);
    };
  }

  /// A number that is written in digits becomes another one: half of the time one as wide.
  private static byte[] number(byte[] file, Random random) {
    int start = random.nextInt(file.length);
    for (int i = 0; i < file.length; i++) {
      int from = (start + i) % file.length;
      if (isDigit(file[from]) && (from == 0 || !isDigit(file[from - 1]))) {
        int to = from;
        while (to < file.length && isDigit(file[to])) {
          to++;
        }
        byte[] number = ascii(NUMBERS.get(random.nextInt(NUMBERS.size())));
        if (random.nextBoolean()) {
          number = new byte[to - from];
          Arrays.fill(number, (byte) ('0' + random.nextInt(10)));
        }
        return insert(file, from, to, number);
      }
    }
    return flip(file, random);
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }

  private static byte[] word(Random random) {
    String word = WORDS.get(random.nextInt(WORDS.size()));
    return (random.nextInt(16) == 0 ? word.repeat(5000) : word).getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static int end(byte[] file, int from, Random random) {
    int most = random.nextBoolean() ? 16 : file.length;
    return Math.min(file.length, from + 1 + random.nextInt(most));
  }

  private static byte[] insert(byte[] file, int from, int to, byte[] part) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(file.length + part.length);
    out.write(file, 0, from);
    out.writeBytes(part);
    out.write(file, to, file.length - to);
    return out.toByteArray();
  }
}
