// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.Arrays;

/// The products of bfloat16 matrices in plain loops: what a library with matrix units does, on any
/// machine.
///
/// @param leastKeys see [BfloatProducts#leastKeys]
public record PlainProducts(int leastKeys) implements BfloatProducts {
  public PlainProducts() {
    this(0);
  }

  @Override
  public void multiply(
      int m, int n, int k, long a, int strideA, long b, long c, int strideC, boolean add) {
    float[] right = new float[k * n];
    for (int i = 0; i < k; i++) {
      for (int j = 0; j < n; j++) {
        right[i * n + j] = bfloat(b, (i / 2 * n + j) * 2L + i % 2);
      }
    }
    float[] sums = new float[n];
    for (int row = 0; row < m; row++) {
      Arrays.fill(sums, 0);
      for (int i = 0; i < k; i++) {
        float x = bfloat(a, (long) row * strideA + i);
        for (int j = 0; j < n; j++) {
          sums[j] += x * right[i * n + j];
        }
      }
      for (int j = 0; j < n; j++) {
        long at = c + ((long) row * strideC + j) * 4;
        OffHeap.ALL.set(
            OffHeap.FLOAT, at, sums[j] + (add ? OffHeap.ALL.get(OffHeap.FLOAT, at) : 0));
      }
    }
  }

  private static float bfloat(long at, long index) {
    return ElementType.fromBfloat16(OffHeap.ALL.get(OffHeap.SHORT, at + index * 2));
  }

  @Override
  public String description() {
    return "plain loops";
  }
}
