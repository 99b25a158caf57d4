// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// Operands of bfloat16 products ([BfloatProducts]).
final class BfloatLoops extends ExponentialLoops {
  BfloatLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  @Override
  void write() {
    copy();
    pairs();
    bfloatWeights();
    bfloatGradients();
  }

  private void copy() {
    open(
        "@Override",
        "void copy(long from, long fromBytes, int count, int size, long to, long toBytes)");
    columns(
        2,
        4,
        false,
        n -> {
          each(n, u -> "FloatVector x" + u + " = " + load("source", u * lanes * 4) + ";");
          each(
              n,
              u -> "x" + u + ".intoMemorySegment(ALL, target + " + u * lanes * 4 + "L, NATIVE);");
        },
        () -> line("ALL.set(INT, target, ALL.get(INT, source));"));
    close();
  }

  private void pairs() {
    open(
        "@Override",
        "void pairs(long first, long second, long fromBytes, int count, int size, long to, long toBytes)");
    line("int d = 0;");
    open("for (; d + " + lanes + " <= size; d += " + lanes + ")");
    open(
        "for (long a = first + d * 4L, b = second + d * 4L, at = to + d * 8L, end = at + "
            + "count * toBytes; at < end; a += fromBytes, b += fromBytes, at += toBytes)");
    line("IntVector x = " + load("a", 0) + ".reinterpretAsInts();");
    line("IntVector y = " + load("b", 0) + ".reinterpretAsInts();");
    line(
        "FloatVector even = x.and(LOWER).or(y.lanewise(VectorOperators.LSHL, 16)).reinterpretAsFloats();");
    line(
        "FloatVector odd = x.lanewise(VectorOperators.LSHR, 16).or(y.and(HIGHER)).reinterpretAsFloats();");
    for (int part = 0; part < 2; part++) {
      line(
          ("even.rearrange(TWICE%1$d).blend(odd.rearrange(TWICE%1$d), "
                  + "UPPER1).intoMemorySegment(ALL, at + %2$dL, NATIVE);")
              .formatted(part, part * lanes * 4));
    }
    close();
    close();
    open("for (; d < size; d++)");
    open(
        "for (long a = first + d * 4L, b = second + d * 4L, at = to + d * 8L, end = at + "
            + "count * toBytes; at < end; a += fromBytes, b += fromBytes, at += toBytes)");
    line("int x = ALL.get(INT, a);");
    line("int y = ALL.get(INT, b);");
    line("ALL.set(INT, at, x & LOWER | y << 16);");
    line("ALL.set(INT, at + 4, x >>> 16 | y & HIGHER);");
    close();
    close();
    close();
  }

  private void bfloatWeights() {
    open(
        "@Override",
        "void bfloatWeights(long scores, int open, int count, int[] limits, int first, int "
            + "from, float scale, long shifts, "
            + "long factors, long sums, long weights)");
    constants();
    line("FloatVector hidden = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);");
    open("for (int i = 0; i < " + ROWS + "; i++)");
    line("long row = scores + i * " + ROW_BYTES + "L;");
    line("long to = weights + i * " + ROW_BYTES / 2 + "L;");
    line("int limit = limits[first + i] - from;");
    line("FloatVector m = FloatVector.broadcast(F, ALL.get(FLOAT, shifts + i * 4L));");
    line(
        "FloatVector s0 = "
            + load("sums + i * " + lanes * 4 + "L", 0)
            + ".mul(FloatVector.broadcast(F, ALL.get(FLOAT, factors + i * 4L)));");
    line("FloatVector s1 = FloatVector.zero(F);");
    int[] us = {0, 1};
    for (boolean masked : new boolean[] {false, true}) {
      String bytes = " * " + lanes * 4 + "L";
      if (masked) {
        line("int left = limit - open * " + lanes + ";");
      }
      open(
          "for (long at = row + "
              + (masked ? "open" : "0")
              + bytes
              + ", end = row + "
              + (masked ? "count" : "open")
              + bytes
              + "; at < end; at += 2 * registerBytes)");
      loadScores(us, masked);
      each(us, u -> "x" + u + " = x" + u + ".mul(scale);");
      exponentials(us, "m");
      each(us, u -> "s" + u + " = s" + u + ".add(e" + u + ");");
      line(paired("e0", "e1") + ".intoMemorySegment(ALL, to + (at - row) / 2, NATIVE);");
      if (masked) {
        line("left -= " + 2 * lanes + ";");
      }
      close();
    }
    line("s0.add(s1).intoMemorySegment(ALL, sums + i * " + lanes * 4 + "L, NATIVE);");
    close();
    close();
  }

  private void bfloatGradients() {
    open(
        "@Override",
        "void bfloatGradients(long scores, long grads, int pairs, float key, long limits, "
            + "long shifts, long deltas, float scale, "
            + "long weights, long gradScores, long gradPairs)");
    constants();
    line("FloatVector hidden = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);");
    for (int u = 0; u < 2; u++) {
      line("FloatVector m%d = %s;".formatted(u, load("shifts", u * lanes * 4)));
      line("FloatVector d%d = %s;".formatted(u, load("deltas", u * lanes * 4)));
      line("FloatVector l%d = %s.sub(key);".formatted(u, load("limits", u * lanes * 4)));
    }
    // Two rows of keys, two registers of queries.
    open(
        "for (long at = scores, end = scores + pairs * 4L * columnBytes, g = grads, w = "
            + "weights, d = gradScores, p = gradPairs; at < end; "
            + "at += 4 * columnBytes, g += 4 * columnBytes, w += 2 * columnBytes, d += 2 * "
            + "columnBytes, p += columnBytes)");
    int[] four = {0, 1, 2, 3};
    each(
        four,
        u ->
            "FloatVector x%d = hidden.blend(%s, l%d.compare(VectorOperators.GT, %df)).mul(scale);"
                .formatted(u, load("at", scoreAt(u)), u % 2, u / 2));
    exponentials(four, u -> "m" + u % 2);
    each(
        four,
        u ->
            "FloatVector g%d = %s.sub(d%d).mul(e%d);"
                .formatted(u, load("g", scoreAt(u)), u % 2, u));
    for (int row = 0; row < 2; row++) {
      String at = " + " + row * columnBytes() + "L, NATIVE);";
      line(paired("e" + 2 * row, "e" + (2 * row + 1)) + ".intoMemorySegment(ALL, w" + at);
      line(paired("g" + 2 * row, "g" + (2 * row + 1)) + ".intoMemorySegment(ALL, d" + at);
    }
    for (int u = 0; u < 2; u++) {
      line(
          paired("g" + u, "g" + (u + 2))
              + ".intoMemorySegment(ALL, p + "
              + u * lanes * 4
              + "L, NATIVE);");
      line("l" + u + " = l" + u + ".sub(2f);");
    }
    close();
    close();
  }

  /// Register u of two rows by two registers; rows of two panels' columns.
  private int scoreAt(int u) {
    return u / 2 * 2 * columnBytes() + u % 2 * lanes * 4;
  }

  /// Two registers rounded to bfloat16, lane by lane next to one another.
  private static String paired(String low, String high) {
    return ("%s.reinterpretAsInts().add(HALF).lanewise(VectorOperators.LSHR, 16)"
            + ".or(%s.reinterpretAsInts().add(HALF).and(HIGHER)).reinterpretAsFloats()")
        .formatted(low, high);
  }
}
