// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.RandomPatterns;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Forward, LSE and both gradients on random shapes, layouts and element types, against the oracle.
/// A failure names its seed.
class RandomShapesTest {
  private static final int[] TOKENS = {
    0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80
  };
  private static final int[] SIZES = {
    1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 64, 65, 80
  };

  @Test
  void everyKernelStaysWithinTwiceThePlainError() {
    for (int seed = 0; seed < 500; seed++) {
      check(seed);
    }
  }

  /// Windows, dilated keys, heads and shifts; on a few of many shapes the plain path is lucky.
  @Test
  void branchesOfEveryKindAreTheSame() {
    Shares shares = new Shares();
    for (int seed = 0; seed < 200; seed++) {
      check(seed, true, shares);
    }
    assertThat(shares.exceeding()).isLessThan(2e-3);
    assertThat(shares.worst).isLessThan(2);
  }

  /// Two float32 paths round differently, and the plain one is lucky at times: on some shapes of
  /// many thousands the largest error of a tensor is more than twice its. How often and by how much
  /// is bounded here, and told in RESULTS.md.
  @Test
  @Tag("slow")
  void fewOfManyMoreShapesExceedTwiceThePlainError() {
    Shares shares = new Shares();
    for (int seed = 1000; seed < 20000; seed++) {
      check(seed, shares);
      check(seed, true, shares);
    }
    System.out.printf(
        "%,d of %,d tensors exceed twice the plain error, the worst %.2f times that%n",
        shares.above, shares.all, shares.worst);
    assertThat(shares.exceeding()).isLessThan(1e-3);
    assertThat(shares.worst).isLessThan(8);
  }

  /// Errors as shares of twice the plain error.
  private static final class Shares implements Judge {
    long all;
    long above;
    double worst;

    @Override
    public void judge(
        String as, double[] exact, float[] plain, double[] actual, ElementType type, double terms) {
      double share = Errors.share(as, exact, plain, actual, type, terms);
      all++;
      above += share > 1 ? 1 : 0;
      worst = Math.max(worst, share);
    }

    double exceeding() {
      return (double) above / all;
    }
  }

  /// Beyond what a kernel packs at once and a task covers: key chunks, query blocks, folds that
  /// reach out of their task.
  @Test
  void longSegmentsAreTheSame() {
    check(
        new Random(7),
        "long",
        DilatedAttentionSpec.dense(false),
        1,
        4200,
        1,
        3,
        ElementType.FLOAT32,
        GradientMode.EXACT);
  }

  /// Segments that end where tasks do, and segments that reach across; tasks that no segment
  /// leaves, of one head and of many.
  @Test
  void segmentsAcrossTasksAreTheSame() {
    for (DilatedAttentionSpec spec :
        List.of(
            DilatedAttentionSpec.of(
                new long[] {64, 512}, new long[] {1, 1}, true, HeadOffsets.INTERLEAVED),
            DilatedAttentionSpec.of(
                new long[] {64, 512}, new long[] {1, 3}, false, HeadOffsets.INTERLEAVED),
            DilatedAttentionSpec.of(
                new long[] {100}, new long[] {1}, true, HeadOffsets.INTERLEAVED),
            DilatedAttentionSpec.of(
                new long[] {64, 1024}, new long[] {1, 100}, true, HeadOffsets.INTERLEAVED))) {
      check(new Random(8), "across", spec, 1, 1500, 2, 3, ElementType.FLOAT32, GradientMode.EXACT);
    }
    DilatedAttentionSpec shortest =
        DilatedAttentionSpec.of(new long[] {64}, new long[] {1}, true, HeadOffsets.INTERLEAVED);
    check(
        new Random(8),
        "together",
        shortest,
        1,
        1100,
        12,
        16,
        ElementType.FLOAT32,
        GradientMode.EXACT);
    check(
        new Random(8),
        "dense",
        DilatedAttentionSpec.dense(true),
        1,
        2000,
        1,
        3,
        ElementType.FLOAT32,
        GradientMode.EXACT);
  }

  /// Windows across tasks and across what a kernel packs at once.
  @Test
  void windowsAcrossTasksAreTheSame() {
    for (Branch.Window window : List.of(Branch.Window.TWO_SEGMENTS, Branch.Window.SLIDING)) {
      DilatedAttentionSpec near =
          new DilatedAttentionSpec(
              List.of(
                  new Branch(200, 1, window, Branch.Dilate.BOTH, List.of(), 0),
                  new Branch(700, 3, window, Branch.Dilate.KEYS, List.of(1), 70)),
              true);
      // Of bfloat16 too, in products of matrices.
      boolean sliding = window == Branch.Window.SLIDING;
      ElementType type = sliding ? ElementType.BFLOAT16 : ElementType.FLOAT32;
      check(new Random(8), "near", near, 1, 1400, 2, sliding ? 32 : 3, type, GradientMode.EXACT);
    }
  }

  @Test
  @Tag("slow")
  void longSegmentsOfEveryPatternAreTheSame() {
    for (boolean causal : new boolean[] {true, false}) {
      for (AttentionPattern pattern :
          List.of(
              DilatedAttentionSpec.dense(causal),
              DilatedAttentionSpec.of(
                  new long[] {900, 5000}, new long[] {1, 2}, causal, HeadOffsets.INTERLEAVED),
              new SparseAttentionSpec(1500, 300, causal))) {
        for (ElementType type : ElementType.FAST) {
          check(new Random(7), "long", pattern, 1, 4700, 1, 4, type, GradientMode.EXACT);
        }
      }
    }
  }

  private interface Judge {
    void judge(
        String as, double[] exact, float[] plain, double[] actual, ElementType type, double terms);
  }

  private static void check(int seed) {
    check(seed, Errors::assertAtMostTwicePlain);
  }

  private static void check(int seed, Judge judge) {
    check(seed, false, judge);
  }

  /// @param branches whether of branches that the paper does not have
  private static void check(int seed, boolean branches, Judge judge) {
    Random random = new Random(seed);
    int tokens =
        random.nextInt(3) == 0 ? random.nextInt(90) : TOKENS[random.nextInt(TOKENS.length)];
    int size = SIZES[random.nextInt(SIZES.length)];
    int heads = 1 + random.nextInt(7);
    int batch = random.nextInt(20) == 0 ? 0 : 1 + random.nextInt(2);
    ElementType type = random.nextInt(4) == 0 ? ElementType.BFLOAT16 : ElementType.FLOAT32;
    GradientMode mode = random.nextInt(3) == 0 ? GradientMode.DETACHED_WEIGHTS : GradientMode.EXACT;
    check(
        random,
        "seed " + seed,
        branches
            ? RandomPatterns.branches(random, random.nextBoolean(), heads, tokens + 5, 9)
            : pattern(random, tokens),
        batch,
        tokens,
        heads,
        size,
        type,
        mode,
        judge);
  }

  private static AttentionPattern pattern(Random random, int tokens) {
    boolean causal = random.nextBoolean();
    if (random.nextInt(8) == 0) {
      int block = 1 + random.nextInt(tokens + 3);
      int columns = 1 + random.nextInt(block);
      // Columns that do not divide the block are a fold each, and every fold rounds LSE: a few stay
      // within the bound.
      return new SparseAttentionSpec(
          block, block % columns == 0 ? columns : Math.min(columns, 3), causal);
    }
    List<Branch> branches = new ArrayList<>();
    int count = 1 + random.nextInt(4);
    for (int i = 0; i < count; i++) {
      branches.add(new Branch(1 + random.nextInt(tokens + 5), 1 + random.nextInt(9)));
    }
    HeadOffsets offsets = random.nextBoolean() ? HeadOffsets.INTERLEAVED : HeadOffsets.BLOCKED;
    return new DilatedAttentionSpec(branches, causal, offsets);
  }

  private static void check(
      Random random,
      String name,
      AttentionPattern pattern,
      int batch,
      int tokens,
      int heads,
      int size,
      ElementType type,
      GradientMode mode) {
    check(
        random,
        name,
        pattern,
        batch,
        tokens,
        heads,
        size,
        type,
        mode,
        Errors::assertAtMostTwicePlain);
  }

  private static void check(
      Random random,
      String name,
      AttentionPattern pattern,
      int batch,
      int tokens,
      int heads,
      int size,
      ElementType type,
      GradientMode mode,
      Judge judge) {
    float scale = random.nextInt(3) == 0 ? 3 : 1;
    AttentionTensor[] inputs = new AttentionTensor[4];
    for (int i = 0; i < inputs.length; i++) {
      AttentionTensor values =
          TestTensors.random(random, i < 2 ? scale : 1, batch, tokens, heads, size);
      inputs[i] = TestTensors.relaid(values, random, type);
    }
    AttentionTensor q = inputs[0];
    AttentionTensor k = inputs[1];
    AttentionTensor v = inputs[2];
    AttentionTensor gradOut = inputs[3];
    // The sparse baseline is one softmax of one branch in the oracle: its weights have nothing to
    // detach.
    GradientMode gradient = pattern instanceof SparseAttentionSpec ? GradientMode.EXACT : mode;
    ReferenceAttention oracle =
        switch (pattern) {
          case DilatedAttentionSpec spec -> ReferenceAttention.of(spec);
          case SparseAttentionSpec spec -> ReferenceAttention.of(spec);
          default -> throw new AssertionError(pattern);
        };
    ReferenceAttention.Forward exact = oracle.forward(q, k, v);
    ReferenceAttention.Backward exactGradients = oracle.backward(q, k, v, gradOut, gradient);
    PlainAttention plain = new PlainAttention(pattern, q, k, v).rounded(type);
    plain.backward(gradOut, gradient, type);
    // dS = P (dO·v - delta), times k or q: the terms' size, four standard deviations of the dot and
    // three of the row out,
    // before they cancel. With a single key they cancel exactly in the plain path and to a rounding
    // in ours.
    double terms =
        12
            * Math.max(1, Math.sqrt(size) / 3)
            * Errors.rootMeanSquare(gradOut)
            * Errors.rootMeanSquare(v)
            * Errors.rootMeanSquare(k);
    long queries = (long) batch * heads * tokens;
    for (AttentionOptions options : Kernels.all(type)) {
      String as =
          "%s %s %s [%d,%d,%d,%d] %s %s "
              .formatted(
                  name,
                  options.kernel() + "/" + options.vectorBits(),
                  pattern,
                  batch,
                  tokens,
                  heads,
                  size,
                  type,
                  gradient);
      DilatedAttention attention = DilatedAttention.of(pattern, options);
      AttentionTensor out =
          TestTensors.relaid(TestTensors.like(q, ElementType.FLOAT32), random, type);
      MemorySegment lse =
          random.nextBoolean()
              ? TestTensors.floats(queries)
              : MemorySegment.ofArray(new float[(int) queries]);
      attention.forward(new Qkv(q, k, v), new AttentionOutput(out, lse));
      judge.judge(as + "out", exact.out(), plain.out, TestTensors.values(out), type, 0);
      judge.judge(
          as + "lse",
          exact.lse(),
          plain.lse,
          TestTensors.values(lse, queries),
          ElementType.FLOAT32,
          1);
      AttentionTensor gradQ = TestTensors.relaid(gradOut, random, type);
      AttentionTensor gradK = TestTensors.relaid(gradOut, random, type);
      AttentionTensor gradV = TestTensors.relaid(gradOut, random, type);
      attention.backward(
          new Qkv(q, k, v),
          new AttentionOutput(out, lse),
          gradOut,
          new Qkv(gradQ, gradK, gradV),
          gradient);
      judge.judge(
          as + "gradQ",
          exactGradients.gradQ(),
          plain.gradQ,
          TestTensors.values(gradQ),
          type,
          terms);
      judge.judge(
          as + "gradK",
          exactGradients.gradK(),
          plain.gradK,
          TestTensors.values(gradK),
          type,
          terms);
      judge.judge(
          as + "gradV", exactGradients.gradV(), plain.gradV, TestTensors.values(gradV), type, 0);
    }
  }
}
