// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Weights from scores, their gradients, and the sums of rows.
final class SoftmaxLoops extends ExponentialLoops {
  SoftmaxLoops(Shape shape, StringBuilder out) {
    super(shape, out);
  }

  @Override
  void write() {
    softmax();
    gradients();
    totals();
  }

  private void softmax() {
    open(
        "@Override",
        "void softmax(long scores, int open, int count, int[] limits, int first, int from, "
            + "long shifts, long factors, long sums)");
    constants();
    line("FloatVector hidden = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);");
    open("for (int i = 0; i < " + ROWS + "; i++)");
    line("long row = scores + i * " + ROW_BYTES + "L;");
    line("int limit = limits[first + i] - from;");
    line("FloatVector m = FloatVector.broadcast(F, ALL.get(FLOAT, shifts + i * 4L));");
    line(
        "FloatVector s0 = "
            + load("sums + i * " + lanes * 4 + "L", 0)
            + ".mul(FloatVector.broadcast(F, ALL.get(FLOAT, factors + i * 4L)));");
    for (int u = 1; u < vectors; u++) {
      line("FloatVector s" + u + " = FloatVector.zero(F);");
    }
    // A panel's column keeps to its sum, as how many keys a tile scores must not change the order
    // in which a row adds: the two
    // halves' sums change places after each half. One body for both, as C2 stops in the middle of a
    // method that is too large.
    int half = vectors / 2;
    for (boolean masked : new boolean[] {false, true}) {
      halves(
          masked,
          masked ? "open" : "0",
          masked ? "count" : "open",
          us -> {
            loadScores(us, masked);
            exponentials(us, "m");
            storeWeights(us);
            each(us, u -> "FloatVector a" + u + " = s" + u + ".add(e" + u + ");");
            each(us, u -> "s" + u + " = s" + (u + half) + ";");
            each(us, u -> "s" + (u + half) + " = a" + u + ";");
          });
    }
    String all = ".intoMemorySegment(ALL, sums + i * " + lanes * 4 + "L, NATIVE);";
    open("if ((count - open + " + (half - 1) + ") / " + half + " % 2 == 0)");
    line(sumFrom(0) + all);
    orElse();
    line(sumFrom(half) + all);
    close();
    close();
    close();
  }

  private String sumFrom(int first) {
    return "s"
        + first
        + IntStream.range(1, vectors)
            .mapToObj(u -> ".add(s" + (first + u) % vectors + ")")
            .collect(Collectors.joining());
  }

  /// Two methods: C1 has no registers for both loops in one, and what it does not compile C2 never
  /// sees.
  private void gradients() {
    for (boolean masked : new boolean[] {false, true}) {
      open(
          "@Override",
          "void "
              + (masked
                  ? "maskedGradients(long scores, long grads, int from, int count, int[] limits, int first, int key"
                  : "gradients(long scores, long grads, int count")
              + ", long shifts, long deltas)");
      constants();
      if (masked) {
        line("FloatVector hidden = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);");
      }
      open("for (int i = 0; i < " + ROWS + "; i++)");
      line("FloatVector m = FloatVector.broadcast(F, ALL.get(FLOAT, shifts + i * 4L));");
      line("FloatVector delta = FloatVector.broadcast(F, ALL.get(FLOAT, deltas + i * 4L));");
      line("long row = scores + i * " + ROW_BYTES + "L;");
      if (masked) {
        line("int limit = limits[first + i] - key;");
      }
      halves(
          masked,
          masked ? "from" : "0",
          "count",
          us -> {
            String g = "grads - scores + at";
            loadScores(us, masked);
            exponentials(us, "m");
            storeWeights(us);
            // What stands behind the last key may be NaN, which a weight of 0 does not hide.
            each(
                us,
                u ->
                    (masked ? seen("delta", g, u) : load(g, u * lanes * 4))
                        + ".sub(delta).mul(e"
                        + u
                        + ").intoMemorySegment(ALL, "
                        + g
                        + " + "
                        + u * lanes * 4
                        + "L, NATIVE);");
          });
      close();
      close();
    }
  }

  private void totals() {
    open("@Override", "void totals(long sums, int count, long totals, long scales)");
    open(
        "for (long from = sums, to = totals, end = totals + count * 4L; to < end; to += registerBytes, from += "
            + lanes * lanes * 4
            + "L)");
    each(lanes, u -> "FloatVector v" + u + " = " + load("from", u * lanes * 4) + ";");
    // Two registers become one, which has sums of pairs of lanes: in lane l of the last stands the
    // sum of row l.
    for (int half = 1; half < lanes; half *= 2) {
      for (int u = 0; u < lanes; u += 2 * half) {
        String a = "v" + u;
        String b = "v" + (u + half);
        line(
            "%1$s = %1$s.blend(%2$s, UPPER%3$d).add(%2$s.blend(%1$s, UPPER%3$d).rearrange(SWAP%3$d));"
                .formatted(a, b, half));
      }
    }
    line("v0.intoMemorySegment(ALL, to, NATIVE);");
    line(
        "FloatVector.broadcast(F, 1f).div(v0).intoMemorySegment(ALL, scales - totals + to, NATIVE);");
    close();
    close();
  }
}
