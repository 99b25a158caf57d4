// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import org.assertj.core.data.Offset;

/// The logits a stream gives, compared with a whole forward pass.
final class StreamLogits {
  /// Rounding of some thousand float32 operations, on logits of size 1 to 5.
  static final double TOLERANCE = 5e-5;

  private StreamLogits() {}

  /// [n, V]; one token goes through the decode path.
  static float[][] read(StreamSession session, StreamState state, int[] tokens, int from, int n) {
    int v = session.model().config().vocabulary();
    float[][] rows = new float[n][v];
    if (n == 1) {
      session.read(state, tokens, from, 1);
      session.logits(state, rows[0]);
      return rows;
    }
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats logits = memory.floats((long) n * v);
      session.read(state, tokens, from, n, logits.segment());
      for (int i = 0; i < n * v; i++) {
        rows[i / v][i % v] = logits.get(i);
      }
    }
    float[] last = new float[v];
    session.logits(state, last);
    for (int i = 0; i < v; i++) {
      assertThat(last[i]).isCloseTo(rows[n - 1][i], Offset.offset(2e-5f));
    }
    return rows;
  }

  /// [n, V]: one token at a time.
  static float[][] steps(StreamSession session, StreamState state, int[] tokens, int from, int n) {
    float[][] rows = new float[n][];
    for (int i = 0; i < n; i++) {
      rows[i] = read(session, state, tokens, from + i, 1)[0];
    }
    return rows;
  }

  static void check(float[][] actual, double[][] expected, int from, String what) {
    for (int t = 0; t < actual.length; t++) {
      for (int i = 0; i < actual[t].length; i++) {
        if (!(Math.abs(actual[t][i] - expected[from + t][i]) <= TOLERANCE)) {
          throw new AssertionError(
              "token "
                  + (from + t)
                  + " logit "
                  + i
                  + ": "
                  + actual[t][i]
                  + " expected "
                  + expected[from + t][i]
                  + " ("
                  + what
                  + ")");
        }
      }
    }
  }
}
