// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// Maxima of rows, and the shifts of their exponentials that follow them.
final class ShiftLoops extends ExponentialLoops {
  ShiftLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  @Override
  void write() {
    maskedMax();
    maxima();
    shift();
  }

  /// All rows at once, column by column.
  private void maskedMax() {
    open(
        "@Override",
        "void maskedMax(long scores, int open, int count, int[] limits, int first, int from, long max)");
    for (int i = 0; i < ROWS; i++) {
      line(
          "FloatVector limit"
              + i
              + " = FloatVector.broadcast(F, limits[first + "
              + i
              + "] - from - open * "
              + lanes
              + ");");
      line("FloatVector v" + i + " = " + load("max", i * lanes * 4) + ";");
    }
    // Added to, as a variable that begins as a constant object would stay one in the loop.
    line("FloatVector key = LANE.add(FloatVector.zero(F));");
    String bytes = " * " + lanes * 4 + "L";
    open(
        "for (long column = scores + open"
            + bytes
            + ", end = scores + count"
            + bytes
            + "; column < end; column += registerBytes)");
    for (int i = 0; i < ROWS; i++) {
      line("FloatVector x" + i + " = " + load("column", i * ROW_BYTES) + ";");
      line(
          ("v%1$d = v%1$d.blend(x%1$d, x%1$d.compare(VectorOperators.GT, v%1$d, "
                  + "key.compare(VectorOperators.LT, limit%1$d)));")
              .formatted(i));
    }
    line("key = key.add(" + lanes + ");");
    close();
    for (int i = 0; i < ROWS; i++) {
      line("v" + i + ".intoMemorySegment(ALL, max + " + i * lanes * 4 + "L, NATIVE);");
    }
    close();
  }

  /// The same of keys that all rows see.
  private void maxima() {
    String bytes = " * " + lanes * 4 + "L";
    open("@Override", "void maxima(long scores, int count, float scale, long max)");
    for (int i = 0; i < ROWS; i++) {
      line("FloatVector v" + i + " = " + load("max", i * lanes * 4) + ";");
    }
    open(
        "for (long column = scores, end = scores + count"
            + bytes
            + "; column < end; column += registerBytes)");
    for (int i = 0; i < ROWS; i++) {
      line("FloatVector x" + i + " = " + load("column", i * ROW_BYTES) + ";");
      line("v%1$d = v%1$d.blend(x%1$d, x%1$d.compare(VectorOperators.GT, v%1$d));".formatted(i));
    }
    close();
    for (int i = 0; i < ROWS; i++) {
      line("v" + i + ".mul(scale).intoMemorySegment(ALL, max + " + i * lanes * 4 + "L, NATIVE);");
    }
    close();
  }

  /// In a method of its own, as C2 stops in the middle of one that is too large.
  private void shift() {
    open("@Override", "void shift(long max, long shifts, long factors)");
    for (int i = 0; i < ROWS; i++) {
      line("FloatVector v" + i + " = " + load("max", i * lanes * 4) + ";");
    }
    // Two registers become one, as in totals, until lane l has the maximum of row l (or of one that
    // is there twice).
    int[] rows =
        IntStream.range(0, Math.ceilDiv(ROWS, lanes) * lanes)
            .map(i -> Math.min(i, ROWS - 1))
            .toArray();
    List<List<String>> groups = new ArrayList<>();
    for (int g = 0; g < rows.length; g += lanes) {
      groups.add(IntStream.range(g, g + lanes).mapToObj(i -> "v" + rows[i]).toList());
    }
    int made = 0;
    Map<String, String> known = new HashMap<>();
    for (int g = 0; g < groups.size(); g++) {
      List<String> registers = groups.get(g);
      for (int half = 1; half < lanes; half *= 2) {
        List<String> next = new ArrayList<>();
        for (int i = 0; i < registers.size(); i += 2) {
          String a = registers.get(i);
          String b = registers.get(i + 1);
          String of = a + " " + b + " " + half;
          if (!known.containsKey(of)) {
            String top = "top" + made++;
            boolean same = a.equals(b);
            line(
                "FloatVector p%1$s = %2$s;"
                    .formatted(top, same ? a : a + ".blend(" + b + ", UPPER" + half + ")"));
            line(
                "FloatVector q%1$s = %2$s.rearrange(SWAP%3$d);"
                    .formatted(top, same ? a : b + ".blend(" + a + ", UPPER" + half + ")", half));
            line(
                "FloatVector %1$s = p%1$s.blend(q%1$s, q%1$s.compare(VectorOperators.GT, p%1$s));"
                    .formatted(top));
            known.put(of, top);
          }
          next.add(known.get(of));
        }
        registers = next;
      }
      String top = registers.getFirst();
      String at = g * lanes * 4 + "L";
      line("FloatVector old" + g + " = " + load("shifts + " + at, 0) + ";");
      // The lanes behind the tile's rows are those of the rows after them, and stay as they are.
      line(
          "VectorMask<Float> grown%1$d = %2$s.compare(VectorOperators.GT, old%1$d.add(SLACK), TILE%1$d);"
              .formatted(g, top));
      line(
          "old%1$d.blend(%2$s, grown%1$d).intoMemorySegment(ALL, shifts + %3$s, NATIVE);"
              .formatted(g, top, at));
      open("if (grown" + g + ".anyTrue())");
      constants();
      line("FloatVector x" + g + " = old" + g + ";");
      exponentials(new int[] {g}, top);
      line(
          "c0.blend(e%1$d, grown%1$d).intoMemorySegment(ALL, factors + %2$s, NATIVE);"
              .formatted(g, at));
      orElse();
      line("FloatVector.broadcast(F, 1f).intoMemorySegment(ALL, factors + " + at + ", NATIVE);");
      close();
    }
    close();
  }
}
