// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DilatedAttentionTest {
  private static final DilatedAttentionSpec SPEC =
      DilatedAttentionSpec.of(
          new long[] {512, 1024, 4096}, new long[] {1, 3, 8}, true, HeadOffsets.INTERLEAVED);

  static Stream<AttentionOptions> kernels() {
    return Stream.concat(Kernels.all().stream(), Stream.of(Kernels.matrix(256)));
  }

  /// Everything a call computes.
  private record Result(
      double[] out, double[] lse, double[] gradQ, double[] gradK, double[] gradV) {
    static Result of(DilatedAttention attention, Inputs floats) {
      Inputs in = floats.as(type(attention.options()));
      AttentionTensor out = TestTensors.like(in.q, ElementType.FLOAT32);
      long queries = in.q.batch() * in.q.heads() * in.q.tokens();
      MemorySegment lse = TestTensors.floats(queries);
      attention.forward(new Qkv(in.q, in.k, in.v), new AttentionOutput(out, lse));
      AttentionTensor gradQ = TestTensors.like(in.q, ElementType.FLOAT32);
      AttentionTensor gradK = TestTensors.like(in.q, ElementType.FLOAT32);
      AttentionTensor gradV = TestTensors.like(in.q, ElementType.FLOAT32);
      attention.backward(
          new Qkv(in.q, in.k, in.v),
          new AttentionOutput(out, lse),
          in.gradOut,
          new Qkv(gradQ, gradK, gradV),
          GradientMode.EXACT);
      return new Result(
          TestTensors.values(out),
          TestTensors.values(lse, queries),
          TestTensors.values(gradQ),
          TestTensors.values(gradK),
          TestTensors.values(gradV));
    }

    void assertSameBits(Result other) {
      assertThat(Arrays.equals(other.out, out)).as("out").isTrue();
      assertThat(Arrays.equals(other.lse, lse)).as("lse").isTrue();
      assertThat(Arrays.equals(other.gradQ, gradQ)).as("gradQ").isTrue();
      assertThat(Arrays.equals(other.gradK, gradK)).as("gradK").isTrue();
      assertThat(Arrays.equals(other.gradV, gradV)).as("gradV").isTrue();
    }

    void assertFinite() {
      for (double[] values : List.of(out, gradQ, gradK, gradV)) {
        assertThat(Arrays.stream(values).allMatch(Double::isFinite)).isTrue();
      }
      assertThat(Arrays.stream(lse).noneMatch(Double::isNaN)).isTrue();
    }
  }

  /// What is bfloat16's alone is tested on bfloat16.
  private static ElementType type(AttentionOptions options) {
    return options.products() == null ? ElementType.FLOAT32 : ElementType.BFLOAT16;
  }

  private static int size(AttentionOptions options, int size) {
    return options.products() == null ? size : 32;
  }

  private record Inputs(
      AttentionTensor q, AttentionTensor k, AttentionTensor v, AttentionTensor gradOut) {
    Inputs as(ElementType type) {
      return type == q.type()
          ? this
          : new Inputs(as(q, type), as(k, type), as(v, type), as(gradOut, type));
    }

    private static AttentionTensor as(AttentionTensor from, ElementType type) {
      AttentionTensor to = TestTensors.like(from, type);
      TestTensors.copy(from, to);
      return to;
    }

    static Inputs random(int seed, float scale, long batch, long tokens, int heads, int size) {
      Random random = new Random(seed);
      return new Inputs(
          TestTensors.random(random, scale, batch, tokens, heads, size),
          TestTensors.random(random, scale, batch, tokens, heads, size),
          TestTensors.random(random, 1, batch, tokens, heads, size),
          TestTensors.random(random, 1, batch, tokens, heads, size));
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void theSameBitsForAnyNumberOfThreads(AttentionOptions options) {
    Inputs inputs = Inputs.random(3, 1, 1, 5000, 2, size(options, 8));
    Result one = Result.of(DilatedAttention.of(SPEC, options.withThreads(1)), inputs);
    for (int threads : new int[] {2, 16}) {
      one.assertSameBits(
          Result.of(DilatedAttention.of(SPEC, options.withThreads(threads)), inputs));
    }
  }

  /// Memory of a confined arena is its owner's alone: the call does without helpers there, with the
  /// same bits.
  @ParameterizedTest
  @MethodSource("kernels")
  void confinedMemoryGivesTheSameBits(AttentionOptions options) {
    Inputs inputs = Inputs.random(3, 1, 1, 5000, 2, size(options, 8)).as(type(options));
    DilatedAttention attention =
        DilatedAttention.of(DilatedAttentionSpec.paper(true), options.withThreads(4));
    Result shared = Result.of(attention, inputs);
    try (Arena arena = Arena.ofConfined()) {
      Inputs confined =
          new Inputs(
              confined(arena, inputs.q),
              confined(arena, inputs.k),
              confined(arena, inputs.v),
              confined(arena, inputs.gradOut));
      Result.of(attention, confined).assertSameBits(shared);
      MemorySegment lse = arena.allocate(4 * 2 * 5000);
      AttentionTensor out = TestTensors.like(inputs.q, ElementType.FLOAT32);
      attention.forward(new Qkv(inputs.q, inputs.k, inputs.v), new AttentionOutput(out, lse));
      assertThat(TestTensors.values(lse, 2 * 5000)).isEqualTo(shared.lse);
    }
  }

  private static AttentionTensor confined(Arena arena, AttentionTensor from) {
    MemorySegment memory =
        arena.allocate(4 * from.batch() * from.tokens() * from.heads() * from.headSize(), 64);
    AttentionTensor to =
        AttentionTensor.contiguous(
            memory, from.type(), from.batch(), from.tokens(), from.heads(), from.headSize());
    TestTensors.copy(from, to);
    return to;
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void manyThreadsMayCallAtOnce(AttentionOptions options) throws Exception {
    DilatedAttention attention = DilatedAttention.of(SPEC, options);
    List<Inputs> inputs = new ArrayList<>();
    List<Result> alone = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      inputs.add(Inputs.random(i, 1, 1, 300 + 200 * i, 2, size(options, 8 + i)));
      alone.add(Result.of(attention, inputs.get(i)));
    }
    try (ExecutorService callers = Executors.newFixedThreadPool(8)) {
      List<Callable<Result>> calls = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        Inputs in = inputs.get(i % inputs.size());
        calls.add(() -> Result.of(attention, in));
      }
      int i = 0;
      for (Future<Result> call : callers.invokeAll(calls)) {
        alone.get(i++ % inputs.size()).assertSameBits(call.get());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void theFutureChangesNoPastOutput(AttentionOptions options) {
    long[] cuts = {1, 17, 511, 512, 700};
    DilatedAttention attention = DilatedAttention.of(SPEC, options);
    int size = size(options, 20);
    Inputs inputs = Inputs.random(5, 1, 1, 800, 2, size);
    Result before = Result.of(attention, inputs);
    for (long cut : cuts) {
      Inputs edited = Inputs.random(5, 1, 1, 800, 2, size);
      Rows future = new Rows(cut, 1, 800 - cut);
      float[] noise = new float[size];
      Arrays.fill(noise, 1e4f);
      for (int h = 0; h < 2; h++) {
        for (long i = 0; i < future.count(); i++) {
          edited.q.rows(0, h, future).write(i, noise, 0);
          edited.k.rows(0, h, future).write(i, noise, 0);
          edited.v.rows(0, h, future).write(i, noise, 0);
        }
      }
      Result after = Result.of(attention, edited);
      int past = (int) cut * 2 * size;
      assertThat(Arrays.equals(after.out, 0, past, before.out, 0, past)).as("cut %d", cut).isTrue();
      after.assertFinite();
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void hugeEqualAndZeroScoresStayFinite(AttentionOptions options) {
    for (boolean causal : new boolean[] {true, false}) {
      DilatedAttentionSpec spec = new DilatedAttentionSpec(SPEC.segments(), causal);
      DilatedAttention attention = DilatedAttention.of(spec, options);
      for (float scale : new float[] {0, 1e-20f, 100, 1000, 1e5f}) {
        // Standard normal values times 100: scores of D = 16 reach ±1e5; times 1e5: ±1e11.
        Result.of(attention, Inputs.random(1, scale, 1, 300, 2, 16)).assertFinite();
      }
      Inputs equal = Inputs.random(2, 1, 1, 600, 2, 16);
      equal.q.data().copyFrom(equal.k.data());
      equal.k.data().fill((byte) 0);
      Result zero = Result.of(attention, equal);
      zero.assertFinite();
    }
  }

  /// Kernels keep working memory from call to call: a diverged training run must not poison its
  /// neighbour.
  @ParameterizedTest
  @MethodSource("kernels")
  void aCallWithNaNLeavesNothingBehind(AttentionOptions options) {
    for (boolean causal : new boolean[] {true, false}) {
      for (int tokens : new int[] {50, 205}) {
        DilatedAttentionSpec spec = DilatedAttentionSpec.dense(causal);
        Inputs inputs = Inputs.random(11, 1, 1, tokens, 2, size(options, 20));
        Result expected = Result.of(DilatedAttention.of(spec, options), inputs);
        DilatedAttention attention = DilatedAttention.of(spec, options);
        for (float poison : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
          AttentionTensor x =
              TestTensors.random(new Random(12), poison, 1, 999, 2, size(options, 20));
          Result.of(attention, new Inputs(x, x, x, x));
          expected.assertSameBits(Result.of(attention, inputs));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void branchOrderDoesNotMatter(AttentionOptions options) {
    Inputs inputs = Inputs.random(9, 1, 1, 700, 2, 16);
    Result forward = Result.of(DilatedAttention.of(SPEC, options), inputs);
    DilatedAttentionSpec reversed = new DilatedAttentionSpec(SPEC.segments().reversed(), true);
    Result backward = Result.of(DilatedAttention.of(reversed, options), inputs);
    // Which weights round up may turn on LSE's last bit.
    double gradients = type(options) == ElementType.FLOAT32 ? 3e-6 : 0x1p-8;
    assertClose(forward.out, backward.out, 3e-6);
    assertClose(forward.lse, backward.lse, 3e-6);
    assertClose(forward.gradQ, backward.gradQ, gradients);
    assertClose(forward.gradK, backward.gradK, gradients);
    assertClose(forward.gradV, backward.gradV, gradients);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aLongSingleBranchIsDenseAttention(AttentionOptions options) {
    Inputs inputs = Inputs.random(9, 1, 1, 300, 2, 16);
    DilatedAttentionSpec one = new DilatedAttentionSpec(List.of(new Branch(300, 1)), true);
    Result.of(DilatedAttention.of(DilatedAttentionSpec.dense(true), options), inputs)
        .assertSameBits(Result.of(DilatedAttention.of(one, options), inputs));
  }

  @Test
  void anInterruptedForwardPassStopsAndLeavesNoThread() throws Exception {
    Inputs inputs = Inputs.random(1, 1, 1, 30000, 4, 32);
    DilatedAttention attention =
        DilatedAttention.of(
            DilatedAttentionSpec.dense(true), AttentionOptions.defaults().withThreads(3));
    assertStopsWhenInterrupted(() -> Result.of(attention, inputs));
  }

  @Test
  void anInterruptedBackwardPassStopsAndLeavesNoThread() throws Exception {
    Inputs inputs = Inputs.random(1, 1, 1, 30000, 4, 32);
    DilatedAttention attention =
        DilatedAttention.of(
            DilatedAttentionSpec.dense(true), AttentionOptions.defaults().withThreads(3));
    AttentionTensor[] gradients = new AttentionTensor[3];
    Arrays.setAll(gradients, i -> TestTensors.like(inputs.q, ElementType.FLOAT32));
    // Which out and lse does not matter to how it stops.
    MemorySegment lse = TestTensors.floats(4 * 30000);
    assertStopsWhenInterrupted(() ->
        attention.backward(
            new Qkv(inputs.q, inputs.k, inputs.v),
            new AttentionOutput(inputs.v, lse),
            inputs.gradOut,
            new Qkv(gradients[0], gradients[1], gradients[2]),
            GradientMode.EXACT));
  }

  /// @param call takes seconds when left alone
  private static void assertStopsWhenInterrupted(Runnable call) throws InterruptedException {
    List<Throwable> thrown = new ArrayList<>();
    Thread caller =
        new Thread(() -> {
          try {
            call.run();
          } catch (Throwable e) {
            thrown.add(e);
            if (!Thread.currentThread().isInterrupted()) {
              thrown.add(new AssertionError("interrupt status lost"));
            }
          }
        });
    caller.start();
    Thread.sleep(200);
    caller.interrupt();
    caller.join(20_000);
    assertThat(caller.isAlive()).isFalse();
    assertThat(thrown).hasSize(1).first().isInstanceOf(CancellationException.class);
    ParallelTest.assertNoHelpers();
  }

  @Test
  void refusesWhatDoesNotFit() {
    DilatedAttention attention = DilatedAttention.of(SPEC);
    AttentionTensor q = TestTensors.empty(ElementType.FLOAT32, 1, 10, 2, 4);
    AttentionTensor shorter = TestTensors.empty(ElementType.FLOAT32, 1, 9, 2, 4);
    MemorySegment lse = TestTensors.floats(20);
    assertThatThrownBy(() -> attention.forward(new Qkv(q, shorter, q), new AttentionOutput(q, lse)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("k must have the shape of q, [1, 10, 2, 4]: [1, 9, 2, 4]");
    assertThatThrownBy(() ->
            attention.forward(new Qkv(q, q, q), new AttentionOutput(q, TestTensors.floats(19))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lse must hold B H N = 20 floats: it holds 19");
    AttentionTensor overlapping =
        new AttentionTensor(q.data(), ElementType.FLOAT32, 1, 10, 2, 4, 0, 0, 4);
    assertThatThrownBy(
            () -> attention.forward(new Qkv(q, q, q), new AttentionOutput(overlapping, lse)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("out must be writable memory");
    assertThatThrownBy(
            () -> new AttentionTensor(q.data(), ElementType.FLOAT32, 1, 11, 2, 4, 80, 8, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor [1, 11, 2, 4] ends at element 88, its memory holds 80");
    AttentionTensor closed;
    try (Arena arena = Arena.ofConfined()) {
      closed = AttentionTensor.contiguous(arena.allocate(320), ElementType.FLOAT32, 1, 10, 2, 4);
    }
    assertThatThrownBy(() -> attention.forward(new Qkv(closed, q, q), new AttentionOutput(q, lse)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("already released");
    assertThatThrownBy(() -> new DilatedAttentionSpec(List.of(), true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least one branch");
    assertThatThrownBy(() ->
            DilatedAttentionSpec.of(new long[] {1}, new long[] {1, 2}, true, HeadOffsets.BLOCKED))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1 segment lengths, 2 dilations");
    assertThatThrownBy(() -> AttentionOptions.defaults().withVectorBits(64))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("vectorBits=64");
  }

  private static void assertClose(double[] a, double[] b, double tolerance) {
    for (int i = 0; i < a.length; i++) {
      if (a[i] != b[i]) {
        assertThat(Math.abs(a[i] - b[i])).isLessThan(tolerance * Math.max(1, Math.abs(a[i])));
      }
    }
  }
}
