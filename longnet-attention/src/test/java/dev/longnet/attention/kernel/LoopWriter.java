// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.function.IntConsumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// Writes the text of some loops: a room of [VectorLoopsGenerator]. The methods here are the words
/// that all rooms share: lines, braces, loads, and loops over rows in columns.
abstract class LoopWriter {
  /// A register width.
  ///
  /// @param lanes floats in a register
  /// @param vectors registers in a row of a tile: 6 rows of them plus one register per column and
  ///   one broadcast must fit
  record Shape(int lanes, int vectors) {}

  /// Registers of a row that are moved together, where a row has as many.
  private static final int TOGETHER = 4;

  static final int ROWS = VectorLoops.TILE_ROWS;

  /// Of a row of scores.
  static final int ROW_BYTES = VectorLoops.KEYS * 4;

  final int lanes;
  final int vectors;
  private final StringBuilder out;
  private int indent = 1;

  LoopWriter(Shape shape, StringBuilder out) {
    this.lanes = shape.lanes;
    this.vectors = shape.vectors;
    this.out = out;
  }

  /// Writes all loops of the room.
  abstract void write();

  /// Of a panel.
  int columnBytes() {
    return vectors * lanes * 4;
  }

  /// Rows of `size` elements in columns: [#TOGETHER] registers of all rows, then the next; register
  /// by register; element by element. The loop over rows is the inner one, as it is the long one.
  void columns(int fromElement, boolean bySource, IntConsumer registers, Runnable element) {
    columns(TOGETHER, fromElement, bySource, registers, element);
  }

  void columns(
      int together, int fromElement, boolean bySource, IntConsumer registers, Runnable element) {
    line("int d = 0;");
    for (int n : new int[] {together, 1}) {
      open("for (; d + " + n * lanes + " <= size; d += " + n * lanes + ")");
      rowsOf(fromElement, bySource, () -> registers.accept(n));
      close();
    }
    open("for (; d < size; d++)");
    rowsOf(fromElement, bySource, element);
    close();
  }

  /// @param bySource which of the two has rows that lie apart: the other's may all be one row
  void rowsOf(int fromElement, boolean bySource, Runnable body) {
    line(
        "long end = "
            + (bySource ? "from + d * 4L + count * fromBytes;" : "to + d * 4L + count * toBytes;"));
    open(
        "for (long source = from + d * "
            + fromElement
            + "L, target = to + d * 4L, i = 0; "
            + (bySource ? "source" : "target")
            + " < end; source += fromBytes, target += toBytes, i++)");
    body.run();
    close();
  }

  static String load(String address, int bytes) {
    return "FloatVector.fromMemorySegment(F, ALL, "
        + address
        + (bytes == 0 ? "" : " + " + bytes + "L")
        + ", NATIVE)";
  }

  void each(int n, IntFunction<String> statement) {
    each(IntStream.range(0, n).toArray(), statement);
  }

  void each(int[] numbers, IntFunction<String> statement) {
    for (int u : numbers) {
      line(statement.apply(u));
    }
  }

  void open(String annotation, String header) {
    out.append('\n');
    line(annotation);
    open(header);
  }

  void open(String header) {
    if (indent == 1 && !header.startsWith("void")) {
      out.append('\n');
    }
    line(header + " {");
    indent++;
  }

  void close() {
    indent--;
    line("}");
  }

  /// Closes one block and opens its other half.
  void orElse() {
    indent--;
    open("} else");
  }

  void line(String text) {
    out.append("  ".repeat(indent)).append(text).append('\n');
  }
}
