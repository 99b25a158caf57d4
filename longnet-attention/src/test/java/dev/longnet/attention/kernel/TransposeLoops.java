// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.function.IntFunction;

/// Panels from rows.
final class TransposeLoops extends LoopWriter {
  TransposeLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  /// log2(lanes) rounds, each swaps the halves of ever larger sub-squares between two registers:
  /// two rounds on four neighbouring rows, the others on every fourth row of a square. All at once
  /// is more than C2 always gets into registers.
  @Override
  void write() {
    open("@Override", "void transpose(long rows, long rowBytes, int count, int size, long panel)");
    line("int d = 0;");
    open("for (; d + " + lanes + " <= size; d += " + lanes + ")");
    line("long column = rows + d * 4L;");
    line("long to = panel + d * " + columnBytes() + "L;");
    line("transposeFours(column, rowBytes, count, to);");
    open("if (count % 4 != 0)");
    line("transposeRest(column, rowBytes, count, to);");
    close();
    if (lanes > 4) {
      line("transposeSquares(count, to);");
    }
    close();
    open("for (; d < size; d++)");
    open("for (int key = 0; key < count; key++)");
    line(
        "ALL.set(FLOAT, panel + d * "
            + columnBytes()
            + "L + key * 4L, ALL.get(FLOAT, rows + key * rowBytes + d * 4L));");
    close();
    close();
    close();

    open("private void transposeFours(long rows, long rowBytes, int count, long to)");
    line("int step = four;");
    open("for (int key = 0; key + 4 <= count; key += step)");
    fours(i -> "rows + (key + " + i + ") * rowBytes");
    close();
    close();

    // The address of a row that may be the last instead takes longer than the rounds.
    open("private void transposeRest(long rows, long rowBytes, int count, long to)");
    line("int key = count / 4 * 4;");
    fours(i -> "rows + Math.min(key + " + i + ", count - 1) * rowBytes");
    close();

    if (lanes > 4) {
      open("private void transposeSquares(int count, long to)");
      line("long end = to + (count + " + (lanes - 1) + ") / " + lanes + " * " + lanes * 4 + "L;");
      open("for (long square = to; square < end; square += registerBytes)");
      int n = lanes / 4;
      open("for (long at = square, last = square + 4 * columnBytes; at < last; at += columnBytes)");
      each(n, u -> "FloatVector v" + u + " = " + load("at", 4 * u * columnBytes()) + ";");
      line("FloatVector x;");
      for (int half = 1; half < n; half *= 2) {
        swap(n, half, 4 * half);
      }
      each(
          n,
          u -> "v" + u + ".intoMemorySegment(ALL, at + " + 4 * u * columnBytes() + "L, NATIVE);");
      close();
      close();
      close();
    }
  }

  private void fours(IntFunction<String> row) {
    each(4, i -> "FloatVector v" + i + " = " + load(row.apply(i), 0) + ";");
    line("FloatVector x;");
    swap(4, 1, 1);
    swap(4, 2, 2);
    line(
        "long at = to + key %% %1$d * %2$dL + key / %1$d * %3$dL;"
            .formatted(lanes, columnBytes(), lanes * 4));
    each(4, i -> "v" + i + ".intoMemorySegment(ALL, at + " + i * columnBytes() + "L, NATIVE);");
  }

  /// Registers `step` apart exchange the lanes with bit `half`.
  private void swap(int registers, int step, int half) {
    for (int i = 0; i < registers; i++) {
      if ((i & step) == 0) {
        String a = "v" + i;
        String b = "v" + (i + step);
        line("x = " + a + ".rearrange(SWAP" + half + ");");
        line(a + " = " + a + ".blend(" + b + ".rearrange(SWAP" + half + "), UPPER" + half + ");");
        line(b + " = x.blend(" + b + ", UPPER" + half + ");");
      }
    }
  }
}
