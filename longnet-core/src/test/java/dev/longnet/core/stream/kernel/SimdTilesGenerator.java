// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Writes `SimdTiles`: the innermost loops of a matrix product with every accumulator in a local
/// variable of its own and every Vector API call in place.
///
/// Change the loops here, then write the file: `./mvnw -pl longnet-core -am test
/// -Dtest=SimdTilesGenerator -Dsurefire.failIfNoSpecifiedTests=false`. The name keeps this class
/// out of the tests; SimdTilesGeneratorTest compares the file with what it writes.
class SimdTilesGenerator {
  static final Path FILE = Path.of("src/main/java/dev/longnet/core/stream/kernel/SimdTiles.java");

  /// Rows of a tile: 6 rows of registers, one register per column and one broadcast must fit.
  private static final int ROWS = 6;

  private final StringBuilder out = new StringBuilder();

  @Test
  void write() throws IOException {
    Files.writeString(FILE, generate());
  }

  /// The source of the class.
  static String generate() {
    SimdTilesGenerator generator = new SimdTilesGenerator();
    generator.out.append(HEAD);
    // 32 registers take 4 in a row, 16 take 2.
    for (int columns : new int[] {4, 2}) {
      generator.tile(ROWS, columns);
      generator.tile(1, columns);
    }
    for (int columns : new int[] {4, 2}) {
      generator.quantizedRow(columns);
    }
    generator.out.append(DEQUANTIZE);
    return generator.out.toString();
  }

  private void tile(int rows, int columns) {
    line(0, "");
    line(
        1,
        "/// %d %s x %d registers of outputs over `depth` inputs; row r of the result goes to",
        rows,
        rows == 1 ? "row" : "rows",
        columns);
    line(1, "/// y + r yStride (bytes).");
    line(
        1,
        "static void tile%dx%d(%s, int depth, long w, long start, long y, long yStride) {",
        rows,
        columns,
        list(rows, r -> "long x" + r));
    each(columns, c -> "FloatVector s%d = %s;".formatted(c, floats("start", c)));
    each(rows, r -> "FloatVector " + list(columns, c -> "c%d%d = s%2$d".formatted(r, c)) + ";");
    line(2, "for (int k = 0; k < depth; k++) {");
    line(3, "long p = w + k * (%dL * B);", columns);
    line(3, "long i = k * 4L;");
    for (int c = 0; c < columns; c++) {
      line(3, "FloatVector b%d = %s;", c, floats("p", c));
    }
    for (int r = 0; r < rows; r++) {
      line(3, "FloatVector a%d = %s;", r, broadcast("x" + r + " + i"));
      for (int c = 0; c < columns; c++) {
        line(3, "c%1$d%2$d = a%1$d.fma(b%2$d, c%1$d%2$d);", r, c);
      }
    }
    line(2, "}");
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        line(2, "c%1$d%2$d.intoMemorySegment(ALL, y + %1$dL * yStride + %2$dL * B, ORDER);", r, c);
      }
    }
    line(1, "}");
  }

  /// Two inputs at a time, each with accumulators of its own: twice as many products in flight.
  private void quantizedRow(int columns) {
    line(0, "");
    line(1, "/// One row x %d registers of outputs over `depth` inputs, int8 weights:", columns);
    line(1, "/// y = scale sum_k x_k w_k + start.");
    line(
        1,
        "static void quantizedRow%d(long x, int depth, long w, long scale, long start, long y) {",
        columns);
    each(
        columns,
        c -> "FloatVector c%1$d = FloatVector.zero(S), d%1$d = FloatVector.zero(S);".formatted(c));
    line(2, "int k = 0;");
    line(2, "for (; k + 2 <= depth; k += 2) {");
    line(3, "long p = w + k * (%dL * LANES);", columns);
    line(3, "FloatVector a = %s;", broadcast("x + k * 4L"));
    line(3, "FloatVector e = %s;", broadcast("x + k * 4L + 4"));
    for (int c = 0; c < columns; c++) {
      line(3, "FloatVector b%d = %s;", c, bytes(c));
      line(3, "c%1$d = a.fma(b%1$d, c%1$d);", c);
    }
    for (int c = 0; c < columns; c++) {
      line(3, "FloatVector f%d = %s;", c, bytes(columns + c));
      line(3, "d%1$d = e.fma(f%1$d, d%1$d);", c);
    }
    line(2, "}");
    line(2, "if (k < depth) {");
    line(3, "long p = w + k * (%dL * LANES);", columns);
    line(3, "FloatVector a = %s;", broadcast("x + k * 4L"));
    for (int c = 0; c < columns; c++) {
      line(3, "c%1$d = a.fma(%2$s, c%1$d);", c, bytes(c));
    }
    line(2, "}");
    each(
        columns,
        c ->
            "c%1$d.add(d%1$d).fma(%2$s, %3$s).intoMemorySegment(ALL, y + %1$dL * B, ORDER);"
                .formatted(c, floats("scale", c), floats("start", c)));
    line(1, "}");
  }

  private static String floats(String address, int register) {
    return "FloatVector.fromMemorySegment(S, ALL, %s + %dL * B, ORDER)"
        .formatted(address, register);
  }

  private static String bytes(int register) {
    return "(FloatVector) ByteVector.fromMemorySegment(BYTES, ALL, p + %dL * LANES, ORDER).convertShape(VectorOperators.B2F, S, 0)"
        .formatted(register);
  }

  private static String broadcast(String address) {
    return "FloatVector.broadcast(S, ALL.get(FLOAT, %s))".formatted(address);
  }

  private static String list(int n, IntFunction<String> element) {
    return IntStream.range(0, n).mapToObj(element).collect(Collectors.joining(", "));
  }

  private void each(int n, IntFunction<String> statement) {
    for (int i = 0; i < n; i++) {
      line(2, "%s", statement.apply(i));
    }
  }

  private void line(int indent, String format, Object... values) {
    out.append("  ".repeat(indent)).append(format.formatted(values)).append('\n');
  }

  private static final String HEAD =
      """
      // Generated by SimdTilesGenerator. Do not edit.
      package dev.longnet.core.stream.kernel;

      import static dev.longnet.attention.kernel.OffHeap.ALL;
      import static dev.longnet.attention.kernel.OffHeap.FLOAT;

      import java.nio.ByteOrder;
      import jdk.incubator.vector.ByteVector;
      import jdk.incubator.vector.FloatVector;
      import jdk.incubator.vector.VectorOperators;
      import jdk.incubator.vector.VectorShape;
      import jdk.incubator.vector.VectorSpecies;

      /// The innermost loops of a matrix product: tiles of accumulators that C2 keeps in registers (24 of
      /// 32 with AVX-512 and NEON, 12 of 16 with AVX2). Written out: helpers are not forced inline, and a
      /// tile that spills is ten times slower.
      final class SimdTiles {
        static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
        static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, S.vectorBitSize() / 4)));
        static final int LANES = S.length();

        /// Bytes of one register.
        static final int B = S.vectorByteSize();

        static final ByteOrder ORDER = ByteOrder.nativeOrder();

        /// Only AVX2's class of machines has 16 registers of 256 bits.
        static final boolean WIDE = S.vectorBitSize() != 256;

        static final int VECTORS = WIDE ? 4 : 2;

        private SimdTiles() {}
      """;

  private static final String DEQUANTIZE =
      """

        /// Expands `depth` rows of a panel of int8 weights to float32.
        static void dequantize(long w, int depth, long scale, long to) {
          for (int v = 0; v < VECTORS; v++) {
            FloatVector s = FloatVector.fromMemorySegment(S, ALL, scale + (long) v * B, ORDER);
            for (int k = 0; k < depth; k++) {
              FloatVector f =
                  (FloatVector)
                      ByteVector.fromMemorySegment(
                              BYTES, ALL, w + ((long) k * VECTORS + v) * LANES, ORDER)
                          .convertShape(VectorOperators.B2F, S, 0);
              f.mul(s).intoMemorySegment(ALL, to + ((long) k * VECTORS + v) * B, ORDER);
            }
          }
        }
      }
      """;
}
