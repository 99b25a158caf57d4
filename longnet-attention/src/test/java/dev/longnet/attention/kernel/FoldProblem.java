// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// The bfloat16 tensors of one fold, at random positions, on or off heap.
record FoldProblem(HeadRows q, HeadRows k, HeadRows v, HeadRows gradOut, boolean causal) {
  static FoldProblem random(
      Random random, int size, int queries, int keys, boolean causal, float scale) {
    Rows queryRows = new Rows(random.nextInt(50), 1 + random.nextInt(4), queries);
    Rows keyRows = new Rows(random.nextInt(80), 1 + random.nextInt(5), keys);
    return new FoldProblem(
        rows(random, queryRows, size, scale),
        rows(random, keyRows, size, 1),
        rows(random, keyRows, size, 1),
        rows(random, queryRows, size, 1),
        causal);
  }

  static HeadRows rows(Random random, Rows positions, int size, float scale) {
    long stride = size + random.nextInt(3);
    long elements = 1 + stride * positions.count();
    MemorySegment data =
        random.nextBoolean()
            ? Arena.ofAuto().allocate(2 * elements, 2)
            : MemorySegment.ofArray(new short[(int) elements]);
    HeadRows rows = new HeadRows(data, ElementType.BFLOAT16, 1, stride, size, positions);
    float[] row = new float[size];
    for (long i = 0; i < positions.count(); i++) {
      for (int d = 0; d < size; d++) {
        row[d] = (float) random.nextGaussian() * scale;
      }
      rows.write(i, row, 0);
    }
    return rows;
  }

  int size() {
    return q.headSize();
  }
}
