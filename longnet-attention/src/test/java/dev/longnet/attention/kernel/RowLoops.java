// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// Rows in and out: packing, rounding, scaling, adding.
final class RowLoops extends LoopWriter {
  RowLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  @Override
  void write() {
    pack();
    roundToBfloats();
    rowLoops();
    dots();
  }

  private void pack() {
    for (boolean floats : new boolean[] {true, false}) {
      open(
          "@Override",
          "void pack"
              + (floats ? "Floats" : "Bfloats")
              + "(long from, long fromBytes, int count, int size, float scale, long to, long toBytes)");
      line("FloatVector factor = FloatVector.broadcast(F, scale);");
      columns(
          floats ? 4 : 2,
          false,
          n -> {
            each(
                n,
                u ->
                    "FloatVector x"
                        + u
                        + " = "
                        + (floats
                            ? load("source", u * lanes * 4)
                            : widened("source", u * lanes * 2))
                        + ";");
            each(
                n,
                u ->
                    "x"
                        + u
                        + ".mul(factor).intoMemorySegment(ALL, target + "
                        + u * lanes * 4
                        + "L, NATIVE);");
          },
          () -> {
            String element =
                floats
                    ? "ALL.get(FLOAT, source)"
                    : "Float.intBitsToFloat(ALL.get(SHORT, source) << 16)";
            line("ALL.set(FLOAT, target, " + element + " * scale);");
          });
      close();
    }
  }

  private void roundToBfloats() {
    open("@Override", "void roundToBfloats(long from, int size, long to)");
    line("int whole = size / " + lanes + " * " + lanes + ";");
    line("int d = 0;");
    open("for (; d < whole; d += " + lanes + ")");
    line("IntVector bits = " + load("from + d * 4L", 0) + ".reinterpretAsInts();");
    line("IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);");
    line("bits = bits.add(0x7FFF).add(odd).lanewise(VectorOperators.LSHR, 16);");
    line(
        "bits.convertShape(VectorOperators.I2S, H, 0).intoMemorySegment(ALL, to + d * 2L, NATIVE);");
    close();
    open("for (; d < size; d++)");
    line("ALL.set(SHORT, to + d * 2L, ElementType.toBfloat16(ALL.get(FLOAT, from + d * 4L)));");
    close();
    close();
  }

  private void rowLoops() {
    rowLoop("store", false, "long factors", "factors", "x%1$d.mul(f)", "x * factor");
    rowLoop(
        "blend",
        true,
        "long keeps, long factors",
        "keeps, factors",
        "k.fma(y%1$d, x%1$d.mul(f))",
        "Math.fma(keep, y, x * factor)");
    rowLoop("scale", false, "float factor", "", "x%1$d.mul(f)", "x * factor");
    rowLoop("addScaled", true, "float factor", "", "x%1$d.fma(f, y%1$d)", "Math.fma(x, factor, y)");
  }

  private void dots() {
    open(
        "@Override",
        "void dots(long a, long aBytes, long b, long bBytes, int count, int size, long sums)");
    line("long whole = size / " + lanes + " * " + lanes * 4 + "L;");
    open(
        "for (long x = a, y = b, to = sums, end = sums + count * registerBytes; to < end; to "
            + "+= registerBytes, x += aBytes, y += bBytes)");
    line("FloatVector s = FloatVector.zero(F);");
    open("for (long d = 0; d < whole; d += registerBytes)");
    line("s = " + load("x + d", 0) + ".fma(" + load("y + d", 0) + ", s);");
    close();
    line("s.intoMemorySegment(ALL, to, NATIVE);");
    open("for (long d = whole; d < size * 4L; d += 4)");
    line(
        "ALL.set(FLOAT, to, Math.fma(ALL.get(FLOAT, x + d), ALL.get(FLOAT, y + d), ALL.get(FLOAT, to)));");
    close();
    close();
    close();
  }

  /// Rows of x into rows of y, each with factors of its own where these are addresses.
  ///
  /// @param reads whether y is read too
  private void rowLoop(
      String name, boolean reads, String parameters, String perRow, String vector, String scalar) {
    open(
        "@Override",
        "void "
            + name
            + "(long from, long fromBytes, long to, long toBytes, int count, int size, "
            + parameters
            + ")");
    Runnable factors =
        () -> {
          if (perRow.contains("keeps")) {
            line("float keep = ALL.get(FLOAT, keeps + i * 4L);");
          }
          if (perRow.contains("factors")) {
            line("float factor = ALL.get(FLOAT, factors + i * 4L);");
          }
        };
    columns(
        4,
        true,
        n -> {
          factors.run();
          if (perRow.contains("keeps")) {
            line("FloatVector k = FloatVector.broadcast(F, keep);");
          }
          line("FloatVector f = FloatVector.broadcast(F, factor);");
          each(n, u -> "FloatVector x" + u + " = " + load("source", u * lanes * 4) + ";");
          if (reads) {
            each(n, u -> "FloatVector y" + u + " = " + load("target", u * lanes * 4) + ";");
          }
          each(
              n,
              u ->
                  vector.formatted(u)
                      + ".intoMemorySegment(ALL, target + "
                      + u * lanes * 4
                      + "L, NATIVE);");
        },
        () -> {
          factors.run();
          line("float x = ALL.get(FLOAT, source);");
          if (reads) {
            line("float y = ALL.get(FLOAT, target);");
          }
          line("ALL.set(FLOAT, target, " + scalar + ");");
        });
    close();
  }

  /// A register of bfloat16 elements as float32.
  private static String widened(String address, int bytes) {
    return "((IntVector) ShortVector.fromMemorySegment(H, ALL, "
        + address
        + (bytes == 0 ? "" : " + " + bytes + "L")
        + ", NATIVE).convertShape(VectorOperators.ZERO_EXTEND_S2I, I, "
        + "0)).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats()";
  }
}
