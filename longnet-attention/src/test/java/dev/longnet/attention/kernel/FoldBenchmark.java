// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.ReferenceAttention;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/// One causal fold on one thread, in microseconds: `./mvnw -pl longnet-attention test
/// -Dtest=FoldBenchmark` (three minutes); with `-Djmh='-p keys=256 -i 5'` JMH's own options. Its
/// name keeps it out of the tests.
///
/// Floating-point operations of a fold: 2 keys (keys + 1) D forward, 2.5 times that backward.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class FoldBenchmark {
  /// Rows of queries, and of keys.
  @Param({"64", "256", "2048"})
  public int keys;

  /// D.
  @Param({"64", "128"})
  public int headSize;

  @Param({"FLOAT32", "BFLOAT16"})
  public ElementType type;

  private AttentionKernel kernel;
  private Rows positions;
  private HeadRows q;
  private HeadRows k;
  private HeadRows v;
  private HeadRows gradOut;
  private HeadRows out;
  private RowScalars lse;
  private RowScalars delta;
  private FoldGradients gradients;

  @Test
  void run() throws RunnerException, CommandLineOptionException {
    String options = System.getProperty("jmh", "");
    new Runner(
            new OptionsBuilder()
                .parent(
                    new CommandLineOptions(options.isEmpty() ? new String[0] : options.split(" ")))
                .include(FoldBenchmark.class.getSimpleName())
                .shouldFailOnError(true)
                .build())
        .run();
  }

  /// Nothing is timed that was not found right first.
  @Setup
  public void setUp() {
    kernel = AttentionKernel.of(AttentionOptions.defaults().withKernel(KernelChoice.SIMD));
    positions = new Rows(0, 1, keys);
    Random random = new Random(1);
    q = input(random);
    k = input(random);
    v = input(random);
    gradOut = input(random);
    out = accumulator();
    lse = RowScalars.contiguousDoubles(Arena.ofAuto().allocate(8L * keys, 64), keys);
    delta = RowScalars.contiguous(Arena.ofAuto().allocate(4L * keys, 64), keys);
    gradients = new FoldGradients(accumulator(), accumulator(), accumulator());
    forward();
    kernel.delta(gradOut, out, delta);
    backward();
    ReferenceAttention oracle = ReferenceAttention.of(DilatedAttentionSpec.dense(true));
    assertClose("out", out, oracle.forward(tensor(q), tensor(k), tensor(v)).out());
    ReferenceAttention.Backward expected =
        oracle.backward(tensor(q), tensor(k), tensor(v), tensor(gradOut), GradientMode.EXACT);
    assertClose("gradQ", gradients.queries(), expected.gradQ());
    assertClose("gradK", gradients.keys(), expected.gradK());
    assertClose("gradV", gradients.values(), expected.gradV());
  }

  @Benchmark
  public void forward() {
    lse.fill(Double.NEGATIVE_INFINITY);
    kernel.fold(q, k, v, true, out, lse);
  }

  @Benchmark
  public void backward() {
    kernel.foldBackward(q, k, v, true, gradOut, lse, delta, gradients);
  }

  private HeadRows input(Random random) {
    HeadRows rows =
        new HeadRows(
            Arena.ofAuto().allocate((long) keys * headSize * type.bytes(), 64),
            type,
            0,
            headSize,
            headSize,
            positions);
    float[] row = new float[headSize];
    for (long i = 0; i < keys; i++) {
      for (int d = 0; d < headSize; d++) {
        row[d] = (float) random.nextGaussian();
      }
      rows.write(i, row, 0);
    }
    return rows;
  }

  private HeadRows accumulator() {
    return HeadRows.contiguous(
        Arena.ofAuto().allocate(4L * keys * headSize, 64), headSize, positions);
  }

  private AttentionTensor tensor(HeadRows rows) {
    return AttentionTensor.contiguous(rows.data(), type, 1, keys, 1, headSize);
  }

  private void assertClose(String name, HeadRows actual, double[] expected) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    for (int i = 0; i < expected.length; i++) {
      float value = (float) actual.get(i / headSize, i % headSize);
      if (!(Math.abs(value - expected[i]) <= 1e-5 * Math.max(1, largest))) {
        throw new IllegalStateException(name + " is wrong: " + value + ", not " + expected[i]);
      }
    }
  }
}
