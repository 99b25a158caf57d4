// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntFunction;

/// Forward and backward of whole tensors, by one [DilatedAttention] or by shards as threads.
final class ShardRun {
  private ShardRun() {}

  /// q, k, v and dO of a whole sequence.
  record Inputs(AttentionTensor q, AttentionTensor k, AttentionTensor v, AttentionTensor gradOut) {

    static Inputs random(
        Random random, ElementType type, long batch, long tokens, int heads, int size) {
      AttentionTensor[] x = new AttentionTensor[4];
      Arrays.setAll(x, i -> TestTensors.random64(random, 1, batch, tokens, heads, size));
      return new Inputs(x[0], x[1], x[2], x[3]).as(type);
    }

    /// The same values, rounded.
    Inputs as(ElementType type) {
      return new Inputs(as(q, type), as(k, type), as(v, type), as(gradOut, type));
    }

    /// The same values in other layouts, on and off heap.
    Inputs relaid(Random random) {
      ElementType type = q.type();
      return new Inputs(
          TestTensors.relaid(q, random, type),
          TestTensors.relaid(k, random, type),
          TestTensors.relaid(v, random, type),
          TestTensors.relaid(gradOut, random, type));
    }

    private static AttentionTensor as(AttentionTensor from, ElementType type) {
      AttentionTensor to = TestTensors.like(from, type);
      TestTensors.copy(from, to);
      return to;
    }

    Inputs span(long from, long to) {
      return new Inputs(
          TestTensors.span(q, from, to),
          TestTensors.span(k, from, to),
          TestTensors.span(v, from, to),
          TestTensors.span(gradOut, from, to));
    }
  }

  /// In [B, N, H, D] and [B, H, N] order.
  record Result(double[] out, double[] lse, double[] gradQ, double[] gradK, double[] gradV) {
    List<double[]> all() {
      return List.of(out, lse, gradQ, gradK, gradV);
    }

    void assertSameBits(String as, Result other) {
      for (int i = 0; i < 5; i++) {
        assertThat(Arrays.equals(all().get(i), other.all().get(i)))
            .as("%s: %s", as, NAMES.get(i))
            .isTrue();
      }
    }

    /// @param allowed of the largest value and 1
    void assertClose(String as, Result exact, double allowed) {
      for (int i = 0; i < 5; i++) {
        double[] expected = exact.all().get(i);
        double[] actual = all().get(i);
        assertThat(actual).as("%s: %s", as, NAMES.get(i)).hasSameSizeAs(expected);
        double largest = 1;
        for (double value : expected) {
          largest = Math.max(largest, Double.isInfinite(value) ? 0 : Math.abs(value));
        }
        for (int at = 0; at < expected.length; at++) {
          // Equal infinities differ by NaN.
          if (expected[at] != actual[at]
              && !(Math.abs(expected[at] - actual[at]) <= allowed * largest)) {
            throw new AssertionError(
                "%s: %s [%d] = %s instead of %s"
                    .formatted(as, NAMES.get(i), at, actual[at], expected[at]));
          }
        }
      }
    }

    /// Root mean square of the errors of each kind of value.
    double[] errors(Result exact) {
      double[] errors = new double[5];
      for (int i = 0; i < 5; i++) {
        double[] expected = exact.all().get(i);
        double sum = 0;
        for (int at = 0; at < expected.length; at++) {
          double error = Double.isInfinite(expected[at]) ? 0 : all().get(i)[at] - expected[at];
          sum += error * error;
        }
        errors[i] = Math.sqrt(sum / expected.length);
      }
      return errors;
    }
  }

  static final List<String> NAMES = List.of("out", "lse", "gradQ", "gradK", "gradV");

  static Result whole(DilatedAttention attention, Inputs in) {
    ElementType type = in.q.type();
    AttentionTensor[] x = new AttentionTensor[4];
    Arrays.setAll(x, i -> TestTensors.like(in.q, type));
    long queries = in.q.batch() * in.q.heads() * in.q.tokens();
    MemorySegment lse = TestTensors.floats(2 * queries);
    Qkv inputs = new Qkv(in.q, in.k, in.v);
    AttentionOutput output = new AttentionOutput(x[0], lse);
    attention.forward(inputs, output);
    attention.backward(inputs, output, in.gradOut, new Qkv(x[1], x[2], x[3]), GradientMode.EXACT);
    return new Result(
        TestTensors.values(x[0]),
        scalars(lse, type, queries),
        TestTensors.values(x[1]),
        TestTensors.values(x[2]),
        TestTensors.values(x[3]));
  }

  static Result oracle(ReferenceAttention oracle, Inputs in) {
    ReferenceAttention.Forward forward = oracle.forward(in.q, in.k, in.v);
    ReferenceAttention.Backward backward =
        oracle.backward(in.q, in.k, in.v, in.gradOut, GradientMode.EXACT);
    return new Result(
        forward.out(), forward.lse(), backward.gradQ(), backward.gradK(), backward.gradV());
  }

  /// What shards as threads compute together.
  ///
  /// @param attention of each shard
  /// @param inputs one after another, by the same instances; all of one shape
  /// @param prefetch whether a backward pass's rows are fetched before the forward pass after it
  static List<Result> shards(
      IntFunction<DilatedAttention> attention,
      long[] boundaries,
      List<Inputs> inputs,
      boolean prefetch,
      ThreadExchange.Delay delay) {
    int shards = boundaries.length - 1;
    AttentionTensor like = inputs.getFirst().q();
    List<AttentionTensor[]> tensors = new ArrayList<>();
    List<MemorySegment[]> norms = new ArrayList<>();
    for (Inputs in : inputs) {
      AttentionTensor[] x = new AttentionTensor[4];
      // Each value is written: what stands there before is no number.
      Arrays.setAll(
          x,
          i -> {
            AttentionTensor t = TestTensors.relaid(in.q, new Random(i), like.type());
            t.data().fill((byte) 0xFF);
            return t;
          });
      tensors.add(x);
      norms.add(new MemorySegment[shards]);
    }
    ThreadExchange exchange = new ThreadExchange(shards, delay);
    run(
        shards,
        exchange,
        shard -> {
          long from = boundaries[shard];
          long to = boundaries[shard + 1];
          try (ShardedAttention sharded =
              ShardedAttention.of(
                  attention.apply(shard), boundaries, shard, like.heads(), exchange.of(shard))) {
            for (int i = 0; i < inputs.size(); i++) {
              Inputs in = inputs.get(i).span(from, to);
              AttentionTensor[] x = tensors.get(i);
              Qkv qkv = new Qkv(in.q, in.k, in.v);
              norms.get(i)[shard] =
                  TestTensors.floats(2 * like.batch() * like.heads() * (to - from));
              AttentionOutput output =
                  new AttentionOutput(TestTensors.span(x[0], from, to), norms.get(i)[shard]);
              ShardedAttention.Prefetched rows = prefetch ? sharded.prefetch(in.k, in.v) : null;
              sharded.forward(qkv, output);
              sharded.backward(
                  qkv,
                  output,
                  in.gradOut,
                  new Qkv(
                      TestTensors.span(x[1], from, to),
                      TestTensors.span(x[2], from, to),
                      TestTensors.span(x[3], from, to)),
                  rows);
            }
          }
        });
    List<Result> results = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      AttentionTensor[] x = tensors.get(i);
      results.add(
          new Result(
              TestTensors.values(x[0]),
              joined(norms.get(i), boundaries, like),
              TestTensors.values(x[1]),
              TestTensors.values(x[2]),
              TestTensors.values(x[3])));
    }
    return results;
  }

  static Result shards(DilatedAttention attention, long[] boundaries, Inputs inputs) {
    return shards(_ -> attention, boundaries, List.of(inputs), false, (_, _) -> 0).getFirst();
  }

  interface Work {
    void run(int shard);
  }

  /// Runs one thread for each shard. The first failure is thrown here.
  static void run(int shards, ThreadExchange exchange, Work work) {
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Future<?>> all = new ArrayList<>();
      List<Throwable> failures = new ArrayList<>();
      for (int shard = 0; shard < shards; shard++) {
        int number = shard;
        all.add(
            threads.submit(() -> {
              try {
                work.run(number);
              } catch (Throwable e) {
                synchronized (failures) {
                  failures.add(e);
                }
                exchange.abort(e);
              }
            }));
      }
      for (Future<?> one : all) {
        one.get(120, TimeUnit.SECONDS);
      }
      if (!failures.isEmpty()) {
        throw new AssertionError(failures.getFirst().toString(), failures.getFirst());
      }
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  private static double[] joined(MemorySegment[] norms, long[] boundaries, AttentionTensor like) {
    int tokens = (int) like.tokens();
    double[] joined = new double[(int) like.batch() * like.heads() * tokens];
    for (int shard = 0; shard < norms.length; shard++) {
      int length = (int) (boundaries[shard + 1] - boundaries[shard]);
      int rows = (int) like.batch() * like.heads();
      double[] own = scalars(norms[shard], like.type(), (long) rows * length);
      for (int row = 0; row < rows; row++) {
        System.arraycopy(own, row * length, joined, row * tokens + (int) boundaries[shard], length);
      }
    }
    return joined;
  }

  private static double[] scalars(MemorySegment values, ElementType type, long count) {
    if (type != ElementType.FLOAT64) {
      return TestTensors.values(values, count);
    }
    double[] doubles = new double[(int) count];
    Arrays.setAll(doubles, i -> values.getAtIndex(ValueLayout.JAVA_DOUBLE, i));
    return doubles;
  }

  /// Attention of float64 on one thread.
  static DilatedAttention plain(AttentionPattern pattern) {
    return DilatedAttention.of(pattern, Kernels.all().getFirst().withThreads(1));
  }
}
