// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Folds of bfloat16 rows in matrix products: P and dS are rounded to bfloat16, once, and nothing
/// else is.
class MatrixFoldTest {
  /// What rounding to bfloat16 may change, relatively.
  private static final double HALF_UNIT = 0x1p-8;

  private static final int[] SIZES = {16, 32, 48, 64, 80, 128, 144};

  private static AttentionKernel kernel(int bits) {
    return AttentionKernel.of(
        AttentionOptions.defaults().withVectorBits(bits).withProducts(new PlainProducts()));
  }

  /// What a kernel computed: rows of out and gradients, and lse.
  private static final class Result {
    final HeadRows out;
    final RowScalars lse;
    final HeadRows gradQ;
    final HeadRows gradK;
    final HeadRows gradV;

    /// What the gradients held before, and were added to.
    final float base;

    Result(AttentionKernel kernel, FoldProblem p) {
      this(kernel, p, 0, new Random(0));
    }

    /// @param cut keys are folded in two pieces, the second first; 0 for one piece
    /// @param how memory on or off heap, gradients put or added, sides one by one or together
    Result(AttentionKernel kernel, FoldProblem p, long cut, Random how) {
      // NaN: an accumulator whose LSE is -inf may hold anything, and so may what is overwritten.
      boolean overwrite = cut == 0 && how.nextBoolean();
      base = overwrite ? Float.NaN : 0.5f;
      out = floats(p.q(), how, Float.NaN);
      gradQ = floats(p.q(), how, base);
      gradK = floats(p.k(), how, base);
      gradV = floats(p.k(), how, base);
      lse =
          how.nextBoolean()
              ? RowScalars.contiguousDoubles(
                  Arena.ofAuto().allocate(8 * p.q().count()), p.q().count())
              : RowScalars.contiguous(
                  MemorySegment.ofArray(new float[(int) p.q().count()]), p.q().count());
      lse.fill(Double.NEGATIVE_INFINITY);
      RowScalars delta =
          RowScalars.contiguousDoubles(Arena.ofAuto().allocate(8 * p.q().count()), p.q().count());
      long[][] pieces =
          cut == 0
              ? new long[][] {{0, p.k().count()}}
              : new long[][] {{cut, p.k().count()}, {0, cut}};
      for (long[] piece : pieces) {
        kernel.fold(
            p.q(),
            p.k().slice(piece[0], piece[1]),
            p.v().slice(piece[0], piece[1]),
            p.causal(),
            out,
            lse);
      }
      for (int i = 0; i < p.q().count(); i++) {
        delta.set(i, lse.get(i) == Double.NEGATIVE_INFINITY ? 0 : dot(p.gradOut(), i, out, i));
      }
      boolean together = how.nextBoolean();
      for (long[] piece : pieces) {
        HeadRows keys = gradK.slice(piece[0], piece[1]);
        HeadRows values = gradV.slice(piece[0], piece[1]);
        List<FoldGradients> sides =
            together
                ? List.of(new FoldGradients(gradQ, keys, values, overwrite))
                : List.of(
                    new FoldGradients(gradQ, null, null, overwrite),
                    new FoldGradients(null, keys, values, overwrite));
        for (FoldGradients side : sides) {
          kernel.foldBackward(
              p.q(),
              p.k().slice(piece[0], piece[1]),
              p.v().slice(piece[0], piece[1]),
              p.causal(),
              p.gradOut(),
              lse,
              delta,
              side);
        }
      }
    }
  }

  private static HeadRows floats(HeadRows like, Random how, float value) {
    int count = (int) like.count() * like.headSize();
    MemorySegment data =
        how.nextBoolean()
            ? Arena.ofAuto().allocate(4L * count, 64)
            : MemorySegment.ofArray(new float[count]);
    for (int i = 0; i < count; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    return HeadRows.contiguous(data, like.headSize(), like.positions());
  }

  private static double dot(HeadRows a, long i, HeadRows b, long j) {
    double sum = 0;
    for (int d = 0; d < a.headSize(); d++) {
      sum += a.get(i, d) * b.get(j, d);
    }
    return sum;
  }

  /// Compares with float64; what may differ is the sum of the terms' roundings, and float32's own:
  /// of scores, so the more the larger they are.
  private static void check(String as, FoldProblem p, Result actual) {
    int queries = (int) p.q().count();
    int keys = (int) p.k().count();
    int size = p.size();
    double largest = largestScore(p);
    double[][] gradK = new double[keys][size];
    double[][] gradV = new double[keys][size];
    double[][] mayK = new double[keys][size];
    double[][] mayV = new double[keys][size];
    for (int i = 0; i < queries; i++) {
      double[] weights = new double[keys];
      double max = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < keys; j++) {
        boolean seen =
            !p.causal() || p.k().positions().position(j) <= p.q().positions().position(i);
        weights[j] = seen ? dot(p.q(), i, p.k(), j) / Math.sqrt(size) : Double.NEGATIVE_INFINITY;
        max = Math.max(max, weights[j]);
      }
      if (max == Double.NEGATIVE_INFINITY) {
        assertThat(actual.lse.get(i)).as(as).isEqualTo(max);
        close(
            as + " gradQ of a blind row",
            actual.gradQ,
            i,
            new double[size],
            new double[size],
            0,
            actual.base);
        continue;
      }
      double sum = 0;
      for (int j = 0; j < keys; j++) {
        weights[j] = Math.exp(weights[j] - max);
        sum += weights[j];
      }
      double lse = max + Math.log(sum);
      assertThat(Math.abs(actual.lse.get(i) - lse))
          .as("%s lse %d", as, i)
          .isLessThan(1e-6 * (4 + Math.abs(lse)));
      double[] out = new double[size];
      double[] may = new double[size];
      for (int j = 0; j < keys; j++) {
        weights[j] /= sum;
        for (int d = 0; d < size; d++) {
          out[d] += weights[j] * p.v().get(j, d);
          may[d] += weights[j] * Math.abs(p.v().get(j, d));
        }
      }
      close(as + " out", actual.out, i, out, may, largest, 0);
      // Delta as the kernel was given it: from its own out.
      double delta = dot(p.gradOut(), i, actual.out, i);
      double[] gradQ = new double[size];
      double[] mayQ = new double[size];
      for (int j = 0; j < keys; j++) {
        double ds = weights[j] * (dot(p.gradOut(), i, p.v(), j) - delta) / Math.sqrt(size);
        for (int d = 0; d < size; d++) {
          gradQ[d] += ds * p.k().get(j, d);
          mayQ[d] += Math.abs(ds * p.k().get(j, d));
          gradK[j][d] += ds * p.q().get(i, d);
          mayK[j][d] += Math.abs(ds * p.q().get(i, d));
          gradV[j][d] += weights[j] * p.gradOut().get(i, d);
          mayV[j][d] += Math.abs(weights[j] * p.gradOut().get(i, d));
        }
      }
      close(as + " gradQ", actual.gradQ, i, gradQ, mayQ, largest, actual.base);
    }
    for (int j = 0; j < keys; j++) {
      close(as + " gradK", actual.gradK, j, gradK[j], mayK[j], largest, actual.base);
      close(as + " gradV", actual.gradV, j, gradV[j], mayV[j], largest, actual.base);
    }
  }

  private static double largestScore(FoldProblem p) {
    double largest = 0;
    for (int i = 0; i < p.q().count(); i++) {
      for (int j = 0; j < p.k().count(); j++) {
        largest = Math.max(largest, Math.abs(dot(p.q(), i, p.k(), j)) / Math.sqrt(p.size()));
      }
    }
    return largest;
  }

  /// @param terms the sum of the terms' sizes
  /// @param base what `expected` was added to; NaN when it was overwritten
  private static void close(
      String as,
      HeadRows actual,
      int row,
      double[] expected,
      double[] terms,
      double score,
      float base) {
    for (int d = 0; d < expected.length; d++) {
      assertThat(Math.abs(actual.get(row, d) - (Float.isNaN(base) ? 0 : base) - expected[d]))
          .as("%s [%d, %d] = %s", as, row, d, expected[d])
          .isLessThanOrEqualTo(1.001 * HALF_UNIT * terms[d] + 1e-6 * (1 + score) * (1 + terms[d]));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {128, 256, 512})
  void foldsAreRightUpToTheRoundingOfTheirWeights(int bits) {
    for (int seed = 0; seed < 24; seed++) {
      Random random = new Random(seed);
      FoldProblem p =
          FoldProblem.random(
              random,
              SIZES[random.nextInt(SIZES.length)],
              1 + random.nextInt(seed % 4 == 0 ? 20 : 300),
              1 + random.nextInt(seed % 3 == 0 ? 70 : 500),
              random.nextBoolean(),
              seed % 5 == 0 ? 20 : 1);
      long cut = random.nextInt((int) p.k().count());
      check("seed " + seed, p, new Result(kernel(bits), p, random.nextBoolean() ? 0 : cut, random));
    }
  }

  /// More keys than are packed at once.
  @Test
  void longFoldsAreRight() {
    for (boolean causal : new boolean[] {true, false}) {
      for (int keys : causal ? new int[] {1536, 1537} : new int[] {3500}) {
        FoldProblem p = FoldProblem.random(new Random(keys), 16, 700, keys, causal, 1);
        check(keys + " keys", p, new Result(kernel(512), p));
      }
    }
  }

  /// What a row gets depends on its own keys alone: the same bits with other queries beside it,
  /// without them, and whatever its future holds.
  @Test
  void rowsDoNotDependOnTheirNeighbours() {
    Random random = new Random(3);
    Rows positions = new Rows(0, 1, 900);
    FoldProblem p =
        new FoldProblem(
            FoldProblem.rows(random, positions, 32, 2),
            FoldProblem.rows(random, positions, 32, 1),
            FoldProblem.rows(random, positions, 32, 1),
            FoldProblem.rows(random, positions, 32, 1),
            true);
    Result all = new Result(kernel(512), p);
    for (long[] part : new long[][] {{0, 5}, {100, 101}, {384, 385}, {300, 500}, {890, 900}}) {
      HeadRows q = p.q().slice(part[0], part[1]);
      HeadRows out = floats(q, random, Float.NaN);
      RowScalars lse =
          RowScalars.contiguousDoubles(Arena.ofAuto().allocate(8 * q.count()), q.count());
      lse.fill(Double.NEGATIVE_INFINITY);
      long seen = part[1] == 385 ? 385 : 900;
      kernel(512).fold(q, p.k().slice(0, seen), p.v().slice(0, seen), true, out, lse);
      for (long i = part[0]; i < part[1]; i++) {
        assertThat((float) lse.get(i - part[0])).as("lse %d", i).isEqualTo((float) all.lse.get(i));
        for (int d = 0; d < 32; d++) {
          assertThat(out.get(i - part[0], d)).as("out %d", i).isEqualTo(all.out.get(i, d));
        }
      }
    }
  }

  /// A query without keys has no gradient, nor do keys get any from it.
  @Test
  void rowsWhoseLseIsMinusInfinityTakeNoPart() {
    Random random = new Random(5);
    FoldProblem p = FoldProblem.random(random, 32, 40, 50, false, 1);
    RowScalars lse = RowScalars.contiguousDoubles(Arena.ofAuto().allocate(8 * 40), 40);
    RowScalars delta = RowScalars.contiguousDoubles(Arena.ofAuto().allocate(8 * 40), 40);
    HeadRows gradQ = floats(p.q(), random, 0);
    HeadRows gradK = floats(p.k(), random, 0);
    HeadRows gradV = floats(p.k(), random, 0);
    lse.fill(Double.NEGATIVE_INFINITY);
    kernel(256)
        .foldBackward(
            p.q(),
            p.k(),
            p.v(),
            false,
            p.gradOut(),
            lse,
            delta,
            new FoldGradients(gradQ, gradK, gradV));
    for (HeadRows rows : List.of(gradQ, gradK, gradV)) {
      for (long i = 0; i < rows.count(); i++) {
        for (int d = 0; d < 32; d++) {
          assertThat(rows.get(i, d)).isZero();
        }
      }
    }
  }

  /// A call leaves nothing behind in the working memory that could get into the next one's results.
  @Test
  void whatAnEarlierCallLeftChangesNothing() {
    for (int keys : new int[] {1, 17, 70, 400}) {
      FoldProblem p = FoldProblem.random(new Random(keys), 48, 33, keys, keys % 2 == 1, 1);
      AttentionKernel fresh = new SimdKernel(VectorShapes.loops(256), new PlainProducts());
      Result first = new Result(fresh, p);
      FoldProblem poison = FoldProblem.random(new Random(1), 48, 300, 900, false, 1);
      for (HeadRows rows : new HeadRows[] {poison.q(), poison.k(), poison.v(), poison.gradOut()}) {
        rows.data().fill((byte) -1);
      }
      new Result(fresh, poison);
      Result second = new Result(fresh, p);
      assertThat(second.out.data().mismatch(first.out.data())).isEqualTo(-1);
      assertThat(second.gradQ.data().mismatch(first.gradQ.data())).isEqualTo(-1);
      assertThat(second.gradK.data().mismatch(first.gradK.data())).isEqualTo(-1);
      assertThat(second.gradV.data().mismatch(first.gradV.data())).isEqualTo(-1);
    }
  }

  /// Other head sizes; the scalar kernel takes no part.
  @Test
  void theRestIsTheVectorKernels() {
    AtomicInteger calls = new AtomicInteger();
    BfloatProducts counting = new CountingProducts(calls, 0);
    AttentionOptions options = AttentionOptions.defaults().withProducts(counting);
    assertThat(AttentionKernel.of(options).description()).endsWith("bfloat16 by counting");
    assertThat(AttentionKernel.of(options.withKernel(KernelChoice.SCALAR)).description())
        .doesNotContain("counting");
    FoldProblem odd = FoldProblem.random(new Random(1), 20, 30, 40, true, 1);
    Result expected = new Result(AttentionKernel.of(options.withProducts(null)), odd);
    Result actual = new Result(AttentionKernel.of(options), odd);
    assertThat(actual.out.data().mismatch(expected.out.data())).isEqualTo(-1);
    assertThat(calls.get()).isZero();
    new Result(AttentionKernel.of(options), FoldProblem.random(new Random(1), 32, 30, 40, true, 1));
    assertThat(calls.get()).isPositive();
  }

  /// Short segments go through vector loops where products say that these are faster.
  @Test
  void segmentsWithTooFewKeysAreTheVectorKernels() {
    AtomicInteger calls = new AtomicInteger();
    AttentionOptions options =
        AttentionOptions.defaults().withProducts(new CountingProducts(calls, 100));
    AttentionKernel kernel = AttentionKernel.of(options);
    assertThat(kernel.description()).endsWith("bfloat16 by counting from 100 keys on");
    FoldProblem p = FoldProblem.random(new Random(1), 32, 30, 200, true, 1);
    Result few = new Result(kernel.forKeys(99), p);
    assertThat(calls.get()).isZero();
    Result loops = new Result(AttentionKernel.of(options.withProducts(null)), p);
    assertThat(few.out.data().mismatch(loops.out.data())).isEqualTo(-1);
    assertThat(few.gradK.data().mismatch(loops.gradK.data())).isEqualTo(-1);
    new Result(kernel.forKeys(100), p);
    assertThat(calls.get()).isPositive();
    assertThat(kernel.forKeys(100)).isSameAs(kernel);
  }

  /// What is asked is how many keys a whole segment has: not how many it has in this sequence, and
  /// not how many of them a call folds.
  @Test
  void aSegmentIsComputedAlikeInEveryPartOfIt() {
    AtomicInteger calls = new AtomicInteger();
    AttentionOptions options =
        AttentionOptions.defaults().withProducts(new CountingProducts(calls, 64));
    for (long[] branch : new long[][] {{128, 1}, {64, 1}, {130, 2}, {128, 3}, {63, 1}}) {
      DilatedAttentionSpec spec =
          DilatedAttentionSpec.of(
              new long[] {branch[0]}, new long[] {branch[1]}, true, HeadOffsets.INTERLEAVED);
      boolean products = Math.ceilDiv(branch[0], branch[1]) >= 64;
      MemorySegment values = FoldProblem.rows(new Random(3), new Rows(0, 1, 150), 16, 1).data();
      MemorySegment few = null;
      for (int tokens : new int[] {20, 150}) {
        calls.set(0);
        AttentionTensor x =
            AttentionTensor.contiguous(values, ElementType.BFLOAT16, 1, tokens, 1, 16);
        MemorySegment out = Arena.ofAuto().allocate(2L * tokens * 16, 64);
        AttentionOutput output =
            new AttentionOutput(
                AttentionTensor.contiguous(out, ElementType.BFLOAT16, 1, tokens, 1, 16),
                Arena.ofAuto().allocate(4L * tokens, 64));
        DilatedAttention.of(spec, options).forward(new Qkv(x, x, x), output);
        String as = "w = %d, r = %d, N = %d".formatted(branch[0], branch[1], tokens);
        assertThat(calls.get() > 0).as(as).isEqualTo(products);
        few = few == null ? out : few;
        assertThat(out.asSlice(0, few.byteSize()).mismatch(few)).as(as).isEqualTo(-1);
      }
    }
  }

  /// @param calls how often somebody multiplied
  private record CountingProducts(AtomicInteger calls, int leastKeys) implements BfloatProducts {
    @Override
    public void multiply(
        int m, int n, int k, long a, int strideA, long b, long c, int strideC, boolean add) {
      calls.incrementAndGet();
      new PlainProducts().multiply(m, n, k, a, strideA, b, c, strideC, add);
    }

    @Override
    public String description() {
      return "counting";
    }
  }

  @Test
  void anInterruptedFoldStopsAndLetsTheUnitsGo() {
    AtomicInteger released = new AtomicInteger();
    BfloatProducts products =
        new BfloatProducts() {
          @Override
          public void multiply(
              int m, int n, int k, long a, int strideA, long b, long c, int strideC, boolean add) {}

          @Override
          public void release() {
            released.incrementAndGet();
          }

          @Override
          public String description() {
            return "none";
          }
        };
    AttentionKernel kernel = AttentionKernel.of(AttentionOptions.defaults().withProducts(products));
    FoldProblem p = FoldProblem.random(new Random(1), 32, 300, 400, false, 1);
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(() -> new Result(kernel, p)).isInstanceOf(CancellationException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(released.get()).isEqualTo(1);
  }
}
