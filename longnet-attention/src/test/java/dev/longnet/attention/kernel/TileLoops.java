// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Products of a tile: scores, and weights times rows.
final class TileLoops extends LoopWriter {
  TileLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  @Override
  void write() {
    scores();
    mix("mix", ROW_BYTES, 4);
    mix("mixColumns", 4, ROW_BYTES);
    combine();
  }

  private void scores() {
    open(
        "@Override",
        "void scores(long rows, long rowBytes, long panels, long panelBytes, long to, int count, int size, long max)");
    tiles(vectors, true);
    close();
    open(
        "@Override",
        "void products(long rows, long rowBytes, long panels, long panelBytes, long to, int count, int size)");
    line("int full = count / " + vectors + ";");
    line("products" + vectors + "(rows, rowBytes, panels, panelBytes, to, full, size);");
    String rest =
        "(rows, rowBytes, panels + full * panelBytes, panelBytes, to + full * "
            + columnBytes()
            + "L, 1, size);";
    open("switch (count % " + vectors + ")");
    for (int n = 1; n < vectors; n++) {
      line("case " + n + " -> products" + n + rest);
    }
    line("default -> { }");
    close();
    close();
    for (int n = 1; n <= vectors; n++) {
      open(
          "private void products"
              + n
              + "(long rows, long rowBytes, long panels, long panelBytes, long to, int count, int size)");
      tiles(n, false);
      close();
    }
  }

  /// `count` panels, of each the first `n` registers.
  private void tiles(int n, boolean max) {
    line("long step = columnBytes;");
    open(
        "for (long panel = panels, end = panels + count * panelBytes, at = to; panel < end; "
            + "panel += panelBytes, at += step)");
    zeroTile(n);
    line(
        rowNumbers()
            .mapToObj(i -> "e%d = rows + %d * rowBytes".formatted(i, i))
            .collect(Collectors.joining(", ", "long ", ";")));
    open(
        "for (long column = panel, last = panel + size * step; column < last; column += step"
            + rowNumbers().mapToObj(i -> ", e" + i + " += 4").collect(Collectors.joining())
            + ")");
    loadColumns(n, "column");
    for (int i = 0; i < ROWS; i++) {
      multiply(i, n, "e" + i);
    }
    close();
    for (int i = 0; i < ROWS; i++) {
      storeRow(i, n, "at", i * ROW_BYTES);
    }
    if (max) {
      for (int i = 0; i < ROWS; i++) {
        rowMax(i, n);
      }
    }
    close();
  }

  /// The lane-wise maximum by compare and blend: `FloatVector.max` carries Java's rules for NaN and
  /// signed zeros.
  private void rowMax(int i, int n) {
    String first = cell(i, 0);
    for (int j = 1; j < n; j++) {
      line(
          first
              + " = "
              + first
              + ".blend("
              + cell(i, j)
              + ", "
              + cell(i, j)
              + ".compare(VectorOperators.GT, "
              + first
              + "));");
    }
    String old = "m" + i;
    line("FloatVector " + old + " = " + load("max", i * lanes * 4) + ";");
    line(
        old
            + ".blend("
            + first
            + ", "
            + first
            + ".compare(VectorOperators.GT, "
            + old
            + ")).intoMemorySegment(ALL, max + "
            + i * lanes * 4
            + "L, NATIVE);");
  }

  /// tile = weights * rows: weight (i, k) at `weights + i iBytes + k kBytes`.
  private void mix(String name, int iBytes, int kBytes) {
    open(
        "@Override",
        "void " + name + "(long weights, long rows, long rowBytes, long to, int count, int size)");
    line("int done = 0;");
    line("int all = size / " + lanes + ";");
    open("for (; done + " + vectors + " <= all; done += " + vectors + ")");
    line(
        name
            + vectors
            + "(weights, rows + done * "
            + lanes * 4
            + "L, rowBytes, to + done * "
            + lanes * 4
            + "L, count);");
    close();
    open("switch (all - done)");
    for (int n = 1; n < vectors; n++) {
      line(
          "case "
              + n
              + " -> "
              + name
              + n
              + "(weights, rows + done * "
              + lanes * 4
              + "L, rowBytes, to + done * "
              + lanes * 4
              + "L, count);");
    }
    line("default -> { }");
    close();
    close();
    for (int n = 1; n <= vectors; n++) {
      open(
          "private void "
              + name
              + n
              + "(long weights, long rows, long rowBytes, long to, int count)");
      zeroTile(n);
      open(
          "for (long row = rows, end = rows + count * rowBytes, weight = weights; row < end; "
              + "row += rowBytes, weight += "
              + kBytes
              + ")");
      loadColumns(n, "row");
      for (int i = 0; i < ROWS; i++) {
        multiply(i, n, "weight + " + i * iBytes + "L");
      }
      close();
      for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < n; j++) {
          line(
              cell(i, j)
                  + ".intoMemorySegment(ALL, to + "
                  + i
                  + " * rowBytes + "
                  + j * lanes * 4
                  + "L, NATIVE);");
        }
      }
      close();
    }
  }

  private void combine() {
    open("@Override", "void combine(long tile, long to, long factors, long rowBytes)");
    for (int i = 0; i < ROWS; i++) {
      line(
          "FloatVector f%1$d = FloatVector.broadcast(F, ALL.get(FLOAT, factors + %2$dL));"
              .formatted(i, i * 4));
    }
    open(
        "for (long from = tile, end = tile + rowBytes, at = to; from < end; from += "
            + "registerBytes, at += registerBytes)");
    for (int i = 0; i < ROWS; i++) {
      String row = " + " + i + " * rowBytes";
      line(
          "f"
              + i
              + ".fma("
              + load("at" + row, 0)
              + ", "
              + load("from" + row, 0)
              + ").intoMemorySegment(ALL, at"
              + row
              + ", NATIVE);");
    }
    close();
    close();
    open("@Override", "void add(long tile, long to, long bytes)");
    open(
        "for (long from = tile, end = tile + bytes, at = to; from < end; from += registerBytes, at += registerBytes)");
    line(load("at", 0) + ".add(" + load("from", 0) + ").intoMemorySegment(ALL, at, NATIVE);");
    close();
    close();
    open("@Override", "void fill(long to, long bytes, float value)");
    line("FloatVector x = FloatVector.broadcast(F, value);");
    open("for (long at = to, end = to + bytes; at < end; at += registerBytes)");
    line("x.intoMemorySegment(ALL, at, NATIVE);");
    close();
    close();
  }

  private static String cell(int i, int j) {
    return "c" + i + "_" + j;
  }

  private void zeroTile(int n) {
    for (int i = 0; i < ROWS; i++) {
      int row = i;
      line(
          IntStream.range(0, n)
              .mapToObj(j -> cell(row, j) + " = FloatVector.zero(F)")
              .collect(Collectors.joining(", ", "FloatVector ", ";")));
    }
  }

  private void loadColumns(int n, String at) {
    for (int j = 0; j < n; j++) {
      line("FloatVector b" + j + " = " + load(at, j * lanes * 4) + ";");
    }
  }

  private void multiply(int i, int n, String at) {
    line("FloatVector a" + i + " = FloatVector.broadcast(F, ALL.get(FLOAT, " + at + "));");
    for (int j = 0; j < n; j++) {
      line(cell(i, j) + " = a" + i + ".fma(b" + j + ", " + cell(i, j) + ");");
    }
  }

  private static IntStream rowNumbers() {
    return IntStream.range(0, ROWS);
  }

  private void storeRow(int i, int n, String at, int bytes) {
    for (int j = 0; j < n; j++) {
      line(
          cell(i, j)
              + ".intoMemorySegment(ALL, "
              + at
              + " + "
              + (bytes + j * lanes * 4)
              + "L, NATIVE);");
    }
  }
}
