// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// Rooms whose loops take exponentials of scores.
abstract class ExponentialLoops extends LoopWriter {
  ExponentialLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  void constants() {
    line("FloatVector c5 = FloatVector.broadcast(F, EXP5);");
    line("FloatVector c4 = FloatVector.broadcast(F, EXP4);");
    line("FloatVector c3 = FloatVector.broadcast(F, EXP3);");
    line("FloatVector c2 = FloatVector.broadcast(F, EXP2);");
    line("FloatVector c1 = FloatVector.broadcast(F, EXP1);");
    line("FloatVector c0 = FloatVector.broadcast(F, 1f);");
  }

  /// The body for half a panel's registers at a time, from column `from` to `to`, where, when not
  /// masked, a panel ends.
  void halves(boolean masked, String from, String to, Consumer<int[]> body) {
    String bytes = " * " + lanes * 4 + "L";
    if (masked) {
      line("int left = limit - " + from + " * " + lanes + ";");
    }
    open(
        "for (long at = row + "
            + from
            + bytes
            + ", end = row + "
            + to
            + bytes
            + "; at < end; at += columnBytes / 2)");
    body.accept(IntStream.range(0, vectors / 2).toArray());
    if (masked) {
      line("left -= " + lanes * vectors / 2 + ";");
    }
    close();
  }

  /// Registers u from `at` on, those of keys that the row does not see hidden.
  void loadScores(int[] us, boolean masked) {
    each(
        us,
        u ->
            "FloatVector x"
                + u
                + " = "
                + (masked ? seen("hidden", "at", u) : load("at", u * lanes * 4))
                + ";");
  }

  /// Register u from `at` on where its keys are among the `left` that the row sees, else
  /// `otherwise`.
  String seen(String otherwise, String at, int u) {
    return otherwise
        + ".blend("
        + load(at, u * lanes * 4)
        + ", LANE.compare(VectorOperators.LT, left - "
        + u * lanes
        + "))";
  }

  /// e = exp(x - shift), 0 below 2^-127. The difference is taken before log2 e comes in: it is
  /// exact for the keys that matter.
  void exponentials(int[] us, String shift) {
    exponentials(us, u -> shift);
  }

  void exponentials(int[] us, IntFunction<String> shift) {
    each(
        us,
        u ->
            "x"
                + u
                + " = x"
                + u
                + ".sub("
                + shift.apply(u)
                + ").mul(LOG2E).reinterpretAsInts().lanewise(VectorOperators.UMIN, SMALLEST).reinterpretAsFloats();");
    each(us, u -> "FloatVector t" + u + " = x" + u + ".add(ROUND);");
    each(us, u -> "FloatVector f" + u + " = x" + u + ".sub(t" + u + ".sub(ROUND));");
    each(
        us,
        u ->
            "FloatVector e"
                + u
                + " = c5.fma(f"
                + u
                + ", c4).fma(f"
                + u
                + ", c3).fma(f"
                + u
                + ", c2).fma(f"
                + u
                + ", c1).fma(f"
                + u
                + ", c0);");
    each(
        us,
        u ->
            "e"
                + u
                + " = e"
                + u
                + ".reinterpretAsInts().add(t"
                + u
                + ".reinterpretAsInts().lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats();");
  }

  void storeWeights(int[] us) {
    each(us, u -> "e" + u + ".intoMemorySegment(ALL, at + " + u * lanes * 4 + "L, NATIVE);");
  }
}
