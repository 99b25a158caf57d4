// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.BfloatProducts;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What the operator asks of products of bfloat16 matrices, where the processor has units for them.
class LibtorchProductsTest {
  private static BfloatProducts products;

  @BeforeAll
  static void find() {
    Torch.load();
    assumeTrue(
        AttentionOperators.bfloatProducts().isPresent(), "this processor has no unit for bfloat16");
    products = AttentionOperators.bfloatProducts().orElseThrow();
  }

  @Test
  void productsAreExactToFloat32() {
    Random random = new Random(1);
    try (Arena arena = Arena.ofConfined()) {
      for (int[] shape :
          new int[][] {
            {96, 64, 64}, {16, 16, 16}, {96, 48, 128}, {64, 32, 384}, {128, 64, 80}, {80, 64, 128}
          }) {
        Matrices x = new Matrices(arena, random, shape[0], shape[1], shape[2]);
        for (boolean add : new boolean[] {false, true}) {
          float[] before = x.c.toArray(ValueLayout.JAVA_FLOAT);
          products.multiply(
              x.m, x.n, x.k, x.a.address(), x.k, x.b.address(), x.c.address(), x.n, add);
          products.release();
          for (int i = 0; i < x.m; i++) {
            for (int j = 0; j < x.n; j++) {
              double expected = add ? before[i * x.n + j] : 0;
              double terms = Math.abs(expected);
              for (int l = 0; l < x.k; l++) {
                double term = (double) x.left[i * x.k + l] * x.right[l * x.n + j];
                expected += term;
                terms += Math.abs(term);
              }
              assertThat(
                      Math.abs(
                          x.c.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * x.n + j) - expected))
                  .as("%d, %d", i, j)
                  .isLessThanOrEqualTo(x.k * 0x1p-24 * terms);
            }
          }
        }
      }
    }
  }

  /// A row's result depends on neither the number of rows nor zeros at the end of the sum: blocks
  /// of queries may be cut anywhere.
  @Test
  void rowsDoNotDependOnTheirNeighboursNorOnZeros() {
    try (Arena arena = Arena.ofConfined()) {
      for (int n : new int[] {16, 32, 48, 64}) {
        Matrices x = new Matrices(arena, new Random(2), 96, n, 384);
        for (int i = 0; i < 96; i++) {
          for (int l = 128; l < 384; l++) {
            x.a.setAtIndex(ValueLayout.JAVA_SHORT, i * 384L + l, (short) 0);
          }
        }
        MemorySegment before = arena.allocate(x.c.byteSize(), 64).copyFrom(x.c);
        for (boolean add : new boolean[] {false, true}) {
          float[] all = null;
          for (int m : new int[] {96, 16, 32, 48, 96}) {
            for (int k : new int[] {384, 128, 256}) {
              x.c.copyFrom(before);
              products.multiply(m, n, k, x.a.address(), 384, x.b.address(), x.c.address(), n, add);
              float[] result = x.c.toArray(ValueLayout.JAVA_FLOAT);
              all = all == null ? result : all;
              assertThat(Arrays.equals(result, 0, m * n, all, 0, m * n))
                  .as("%d rows, %d columns, %d terms, add %s", m, n, k, add)
                  .isTrue();
            }
          }
        }
      }
      products.release();
    }
  }

  /// Queries folded with others beside them or without, and with or without keys of their future:
  /// the same bits.
  @Test
  void aRowsOutputDependsOnItsOwnKeysAlone() {
    AttentionKernel kernel = AttentionKernel.of(AttentionOptions.defaults().withProducts(products));
    Random random = new Random(4);
    for (int size : new int[] {16, 64, 80}) {
      int tokens = 900;
      HeadRows[] x = new HeadRows[3];
      for (int i = 0; i < x.length; i++) {
        MemorySegment data = Arena.ofAuto().allocate(2L * tokens * size, 64);
        for (int at = 0; at < tokens * size; at++) {
          Matrices.put(data, at, random);
        }
        x[i] = new HeadRows(data, ElementType.BFLOAT16, 0, size, size, new Rows(0, 1, tokens));
      }
      HeadRows all = fold(kernel, x[0], x[1], x[2]);
      for (int round = 0; round < 30; round++) {
        long from = random.nextInt(tokens);
        long to = from + 1 + random.nextInt((int) (tokens - from));
        long keys = to + random.nextInt((int) (tokens - to) + 1);
        HeadRows part =
            fold(kernel, x[0].slice(from, to), x[1].slice(0, keys), x[2].slice(0, keys));
        assertThat(
                part.data().mismatch(all.data().asSlice(4 * from * size, 4 * (to - from) * size)))
            .as("%d: %d to %d", size, from, to)
            .isEqualTo(-1);
      }
    }
  }

  private static HeadRows fold(AttentionKernel kernel, HeadRows q, HeadRows k, HeadRows v) {
    HeadRows out =
        HeadRows.contiguous(
            Arena.ofAuto().allocate(4 * q.count() * q.headSize(), 64), q.headSize(), q.positions());
    RowScalars lse =
        RowScalars.contiguousDoubles(Arena.ofAuto().allocate(8 * q.count()), q.count());
    lse.fill(Double.NEGATIVE_INFINITY);
    kernel.fold(q, k, v, true, out, lse);
    return out;
  }

  /// libtorch's own products use the same units in between; threads share nothing.
  @Test
  void theSameBitsBetweenLibtorchsProductsAndForAnyNumberOfThreads() {
    try (PointerScope scope = new PointerScope()) {
      DilatedAttentionSpec spec =
          DilatedAttentionSpec.of(
              new long[] {256, 1024}, new long[] {1, 3}, true, HeadOffsets.INTERLEAVED);
      Tensor[] x = new Tensor[4];
      for (int i = 0; i < 4; i++) {
        x[i] = torch.randn(1, 3000, 4, 64).to(ScalarType.BFloat16);
      }
      Tensor matrix = torch.randn(300, 300).to(ScalarType.BFloat16);
      List<Tensor> first = null;
      for (int threads : new int[] {1, 2, 3}) {
        AttentionOperator operator =
            new JavaAttentionOperator(
                DilatedAttention.of(
                    spec, AttentionOptions.defaults().withThreads(threads).withProducts(products)),
                GradientMode.EXACT);
        for (int run = 0; run < 2; run++) {
          torch.mm(matrix, matrix);
          AttentionOperator.Output output = operator.forward(x[0], x[1], x[2]);
          torch.mm(matrix, matrix);
          AttentionOperator.Gradients gradients = operator.backward(x[0], x[1], x[2], output, x[3]);
          List<Tensor> results =
              List.of(
                  output.out(),
                  output.lse(),
                  gradients.gradQ(),
                  gradients.gradK(),
                  gradients.gradV());
          if (first == null) {
            first = new ArrayList<>(results);
          }
          for (int i = 0; i < results.size(); i++) {
            assertThat(results.get(i).equal(first.get(i)))
                .as("%d threads, run %d, tensor %d", threads, run, i)
                .isTrue();
          }
        }
      }
    }
  }

  /// A [m, k] and B [k, n] with B's rows in pairs; C full of ones.
  private static final class Matrices {
    final int m;
    final int n;
    final int k;
    final float[] left;
    final float[] right;
    final MemorySegment a;
    final MemorySegment b;
    final MemorySegment c;

    Matrices(Arena arena, Random random, int m, int n, int k) {
      this.m = m;
      this.n = n;
      this.k = k;
      left = new float[m * k];
      right = new float[k * n];
      a = arena.allocate(2L * m * k, 64);
      b = arena.allocate(2L * k * n, 64);
      c = arena.allocate(4L * m * n, 64);
      for (int i = 0; i < m * k; i++) {
        left[i] = put(a, i, random);
      }
      for (int l = 0; l < k; l++) {
        for (int j = 0; j < n; j++) {
          right[l * n + j] = put(b, (l / 2 * n + j) * 2L + l % 2, random);
        }
      }
      for (int i = 0; i < m * n; i++) {
        c.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
      }
    }

    static float put(MemorySegment to, long at, Random random) {
      short bits = ElementType.toBfloat16((float) random.nextGaussian());
      to.setAtIndex(ValueLayout.JAVA_SHORT, at, bits);
      return ElementType.fromBfloat16(bits);
    }
  }
}
