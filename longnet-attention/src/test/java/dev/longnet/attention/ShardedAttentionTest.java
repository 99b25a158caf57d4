// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.BlockwiseCausalPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.RandomPatterns;
import dev.longnet.attention.pattern.ShardPlan;
import dev.longnet.attention.pattern.Shards;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ShardedAttentionTest {
  /// Segments across shards, dilations that divide nothing, and every kind of branch.
  private static final DilatedAttentionSpec SPEC =
      new DilatedAttentionSpec(
          List.of(
              new Branch(64, 1),
              new Branch(300, 3),
              new Branch(1000, 7),
              new Branch(90, 2, Branch.Window.SLIDING, Branch.Dilate.KEYS, List.of(0), 11)),
          true);

  @Test
  void randomShardsEqualTheOracleInFloat64() {
    for (int seed = 0; seed < 500; seed++) {
      check(seed);
    }
  }

  @Test
  @Tag("slow")
  void manyMoreRandomShardsEqualTheOracle() {
    for (int seed = 500; seed < 10_500; seed++) {
      check(seed);
    }
  }

  private static void check(int seed) {
    Random random = new Random(seed);
    int heads = 1 + random.nextInt(4);
    int size = 1 + random.nextInt(5);
    int batch = random.nextInt(30) == 0 ? 0 : 1 + random.nextInt(2);
    long tokens = random.nextInt(random.nextBoolean() ? 20 : 70);
    int shards = 1 + random.nextInt(random.nextInt(10) == 0 ? 20 : 5);
    AttentionPattern pattern = RandomPatterns.ofAnyKind(random, heads, tokens);
    long[] boundaries = RandomPatterns.boundaries(random, shards, tokens);
    String as =
        "seed %d: [%d, %d, %d, %d], %s, %s"
            .formatted(seed, batch, tokens, heads, size, Arrays.toString(boundaries), pattern);
    // Twice, so that what the first call left behind would be found.
    List<ShardRun.Inputs> inputs = new ArrayList<>();
    for (int i = 0; i < (seed % 4 == 0 ? 2 : 1); i++) {
      inputs.add(
          ShardRun.Inputs.random(random, ElementType.FLOAT64, batch, tokens, heads, size)
              .relaid(random));
    }
    AttentionOptions options = Kernels.all().get(random.nextInt(4));
    List<ShardRun.Result> results =
        ShardRun.shards(
            shard -> DilatedAttention.of(pattern, options.withThreads(1 + shard % 2)),
            boundaries,
            inputs,
            random.nextBoolean(),
            (_, _) -> 0);
    for (int i = 0; i < inputs.size(); i++) {
      ShardRun.Inputs in = inputs.get(i);
      ShardRun.Result exact =
          switch (pattern) {
            case DilatedAttentionSpec spec -> ShardRun.oracle(ReferenceAttention.of(spec), in);
            case SparseAttentionSpec spec -> ShardRun.oracle(ReferenceAttention.of(spec), in);
            // Its geometry is tested by enumeration.
            case BlockwiseCausalPattern _ -> ShardRun.whole(ShardRun.plain(pattern), in);
            default -> throw new AssertionError(pattern);
          };
      results.get(i).assertClose(as, exact, 1e-12);
    }
  }

  /// Rounding must not grow with the number of shards: the root mean square of the errors is about
  /// one shard's for any.
  @Test
  void errorsDoNotGrowWithTheNumberOfShards() {
    long tokens = 500;
    for (boolean causal : new boolean[] {true, false}) {
      DilatedAttentionSpec spec =
          DilatedAttentionSpec.of(
              new long[] {64, 200, 450}, new long[] {1, 3, 7}, causal, HeadOffsets.BLOCKED);
      for (ElementType type : ElementType.FAST) {
        for (AttentionOptions options : kernels(type)) {
          int size = options.products() == null ? 12 : 32;
          ShardRun.Inputs inputs = ShardRun.Inputs.random(new Random(5), type, 1, tokens, 2, size);
          ShardRun.Result exact =
              ShardRun.whole(ShardRun.plain(spec), inputs.as(ElementType.FLOAT64));
          DilatedAttention attention = DilatedAttention.of(spec, options);
          double[] one = ShardRun.whole(attention, inputs).errors(exact);
          for (int shards : new int[] {1, 2, 16}) {
            double[] errors =
                ShardRun.shards(attention, even(tokens, shards), inputs).errors(exact);
            for (int i = 0; i < errors.length; i++) {
              assertThat(errors[i])
                  .as(
                      "%s %s, %s, %d shards: %s",
                      type, attention.describe(), spec, shards, ShardRun.NAMES.get(i))
                  .isLessThanOrEqualTo(1.25 * one[i]);
            }
          }
        }
      }
    }
  }

  @Test
  void oneShardHasTheBitsOfTheWhole() {
    for (ElementType type : ElementType.FAST) {
      for (AttentionOptions options : kernels(type)) {
        ShardRun.Inputs inputs = ShardRun.Inputs.random(new Random(6), type, 2, 150, 2, 32);
        DilatedAttention attention = DilatedAttention.of(SPEC, options);
        ShardRun.shards(attention, new long[] {0, 150}, inputs)
            .assertSameBits(attention.describe(), ShardRun.whole(attention, inputs));
        // Nor do empty shards change any.
        ShardRun.shards(attention, new long[] {0, 0, 150, 150}, inputs)
            .assertSameBits(attention.describe(), ShardRun.whole(attention, inputs));
      }
    }
  }

  /// Neither threads, nor who comes first, nor what a call left behind, nor an early start of the
  /// exchange changes a bit.
  @Test
  void theBitsAreAlwaysTheSame() {
    long[] boundaries = {0, 130, 130, 330, 440, 500};
    for (int heads : new int[] {2, 9}) {
      for (ElementType type : ElementType.FAST) {
        AttentionOptions options = kernels(type).get(heads == 2 ? 1 : 0);
        ShardRun.Inputs inputs = ShardRun.Inputs.random(new Random(7), type, 1, 500, heads, 32);
        ShardRun.Inputs others = ShardRun.Inputs.random(new Random(8), type, 1, 500, heads, 32);
        ShardRun.Result expected =
            ShardRun.shards(DilatedAttention.of(SPEC, options.withThreads(1)), boundaries, inputs);
        Random random = new Random(9);
        for (int threads : new int[] {1, 2, 7}) {
          List<ShardRun.Result> results =
              ShardRun.shards(
                  _ -> DilatedAttention.of(SPEC, options.withThreads(threads)),
                  boundaries,
                  List.of(inputs, others, inputs),
                  threads == 2,
                  (shard, _) -> shard % threads == 0 ? random.nextInt(3000) : 0);
          String as = "%s, %d heads, %d threads".formatted(type, heads, threads);
          expected.assertSameBits(as, results.getFirst());
          expected.assertSameBits(as + " again", results.getLast());
        }
        try (WorkerTeam team = new WorkerTeam(3)) {
          // One shard's threads are its own; the others work alone.
          ShardRun.shards(
                  shard -> {
                    DilatedAttention attention = DilatedAttention.of(SPEC, options.withThreads(1));
                    return shard == 2 ? attention.on(team) : attention;
                  },
                  boundaries,
                  List.of(inputs),
                  true,
                  (_, _) -> 0)
              .getFirst()
              .assertSameBits("a team", expected);
        }
      }
    }
  }

  @Test
  void theFutureChangesNoPastOutputOnAnyShard() {
    long tokens = 400;
    long[] boundaries = {0, 75, 76, 200, 200, 320, 400};
    for (AttentionPattern pattern :
        List.of(
            SPEC,
            DilatedAttentionSpec.dense(true),
            new SparseAttentionSpec(60, 7, true),
            new BlockwiseCausalPattern(SPEC, 130))) {
      DilatedAttention attention = DilatedAttention.of(pattern, Kernels.all().getLast());
      ShardRun.Inputs inputs =
          ShardRun.Inputs.random(new Random(10), ElementType.FLOAT32, 1, tokens, 2, 8);
      ShardRun.Result before = ShardRun.shards(attention, boundaries, inputs);
      for (int cut : new int[] {1, 75, 76, 199, 200, 321}) {
        ShardRun.Inputs noise =
            ShardRun.Inputs.random(new Random(cut), ElementType.FLOAT32, 1, tokens, 2, 8);
        ShardRun.Inputs edited = inputs.as(ElementType.FLOAT32);
        TestTensors.copy(noise.span(cut, tokens).q(), edited.span(cut, tokens).q());
        TestTensors.copy(noise.span(cut, tokens).k(), edited.span(cut, tokens).k());
        TestTensors.copy(noise.span(cut, tokens).v(), edited.span(cut, tokens).v());
        ShardRun.Result after = ShardRun.shards(attention, boundaries, edited);
        int past = cut * 2 * 8;
        assertThat(Arrays.equals(after.out(), 0, past, before.out(), 0, past))
            .as("%s, cut %d", pattern, cut)
            .isTrue();
        assertThat(Arrays.equals(after.out(), before.out())).isFalse();
        for (int head = 0; head < 2; head++) {
          int at = head * (int) tokens;
          assertThat(Arrays.equals(after.lse(), at, at + cut, before.lse(), at, at + cut))
              .as("%s, cut %d", pattern, cut)
              .isTrue();
        }
      }
    }
  }

  @Test
  void sixtyFourShardsAreOneSequence() {
    long tokens = 1500;
    DilatedAttentionSpec spec =
        new DilatedAttentionSpec(
            List.of(new Branch(32, 1), new Branch(500, 8), new Branch(2000, 33)), true);
    ShardRun.Inputs inputs =
        ShardRun.Inputs.random(new Random(11), ElementType.FLOAT32, 1, tokens, 3, 16);
    DilatedAttention attention = DilatedAttention.of(spec, Kernels.all().getFirst().withThreads(1));
    ShardRun.Result exact = ShardRun.whole(ShardRun.plain(spec), inputs.as(ElementType.FLOAT64));
    double[] one = ShardRun.whole(attention, inputs).errors(exact);
    double[] many = ShardRun.shards(attention, even(tokens, 64), inputs).errors(exact);
    for (int i = 0; i < many.length; i++) {
      assertThat(many[i]).as(ShardRun.NAMES.get(i)).isLessThanOrEqualTo(1.25 * one[i]);
    }
  }

  /// K and V travel forward and once more backward, dK and dV come back in float32. Working memory
  /// serves every call.
  @Test
  void sentBytesAreThoseOfThePlan() {
    long[] boundaries = {0, 200, 500, 700};
    int size = 8;
    for (ElementType type : ElementType.FAST) {
      ThreadExchange exchange = new ThreadExchange(3, (_, _) -> 0);
      ShardRun.Inputs inputs = ShardRun.Inputs.random(new Random(12), type, 2, 700, 2, size);
      ShardRun.run(
          3,
          exchange,
          shard -> {
            ShardRun.Inputs in = inputs.span(boundaries[shard], boundaries[shard + 1]);
            ShardPlan plan = ShardPlan.of(SPEC, Shards.of(boundaries), shard, 2);
            // Of keys and values, of two sequences.
            long there = 2 * 2 * plan.rowsSent() * size * type.bytes();
            long back = 2 * 2 * plan.rowsReceived() * size * 4;
            Qkv qkv = new Qkv(in.q(), in.k(), in.v());
            AttentionTensor[] x = new AttentionTensor[4];
            Arrays.setAll(x, i -> TestTensors.like(in.q(), type));
            AttentionOutput output =
                new AttentionOutput(x[0], TestTensors.floats(4 * in.q().tokens()));
            Qkv gradients = new Qkv(x[1], x[2], x[3]);
            long[] sent = {0};
            RowExchange carrier = exchange.of(shard);
            RowExchange counting =
                (send, sendBytes, receive, receiveBytes) -> {
                  sent[0] += Arrays.stream(sendBytes).sum() - sendBytes[shard];
                  return carrier.start(send, sendBytes, receive, receiveBytes);
                };
            try (ShardedAttention attention =
                ShardedAttention.of(DilatedAttention.of(SPEC), boundaries, shard, 2, counting)) {
              long working = 0;
              for (int call = 0; call < 3; call++) {
                attention.forward(qkv, output);
                assertThat(sent[0]).isEqualTo(there);
                attention.backward(qkv, output, in.gradOut(), gradients, null);
                assertThat(sent[0]).isEqualTo(2 * there + back);
                sent[0] = 0;
                if (call == 1) {
                  working = attention.workingBytes();
                } else if (call == 2) {
                  assertThat(attention.workingBytes()).isEqualTo(working);
                }
              }
              assertThat(there == 0).isEqualTo(shard == 2);
              assertThat(back == 0).isEqualTo(shard == 0);
            }
          });
    }
  }

  /// A caller may start exchanges of several layers before it uses the first one's rows, or drop
  /// rows that it does not use.
  @Test
  void severalExchangesMayBeUnderWay() {
    long tokens = 300;
    long[] boundaries = {0, 100, 250, 300};
    List<ShardRun.Inputs> layers = new ArrayList<>();
    List<AttentionTensor[]> tensors = new ArrayList<>();
    for (int layer = 0; layer < 3; layer++) {
      ShardRun.Inputs in =
          ShardRun.Inputs.random(new Random(13 + layer), ElementType.FLOAT32, 1, tokens, 2, 8);
      AttentionTensor[] x = new AttentionTensor[4];
      Arrays.setAll(x, i -> TestTensors.like(in.q(), ElementType.FLOAT32));
      layers.add(in);
      tensors.add(x);
    }
    DilatedAttention attention = DilatedAttention.of(SPEC, Kernels.all().getLast().withThreads(1));
    ThreadExchange exchange = new ThreadExchange(3, (_, _) -> 0);
    ShardRun.run(
        3,
        exchange,
        shard -> {
          long from = boundaries[shard];
          long to = boundaries[shard + 1];
          try (ShardedAttention sharded =
              ShardedAttention.of(attention, boundaries, shard, 2, exchange.of(shard))) {
            List<AttentionOutput> outputs = new ArrayList<>();
            List<ShardedAttention.Prefetched> rows = new ArrayList<>();
            for (int layer = 0; layer < 3; layer++) {
              ShardRun.Inputs in = layers.get(layer).span(from, to);
              outputs.add(
                  new AttentionOutput(
                      TestTensors.span(tensors.get(layer)[0], from, to),
                      TestTensors.floats(2 * (to - from))));
              sharded.forward(new Qkv(in.q(), in.k(), in.v()), outputs.get(layer));
            }
            for (ShardRun.Inputs layer : layers) {
              ShardRun.Inputs in = layer.span(from, to);
              rows.add(sharded.prefetch(in.k(), in.v()));
            }
            rows.get(1).close();
            for (int layer : new int[] {2, 0}) {
              ShardRun.Inputs in = layers.get(layer).span(from, to);
              AttentionTensor[] x = tensors.get(layer);
              sharded.backward(
                  new Qkv(in.q(), in.k(), in.v()),
                  outputs.get(layer),
                  in.gradOut(),
                  new Qkv(
                      TestTensors.span(x[1], from, to),
                      TestTensors.span(x[2], from, to),
                      TestTensors.span(x[3], from, to)),
                  rows.get(layer));
            }
          }
        });
    for (int layer : new int[] {2, 0}) {
      ShardRun.Result expected = ShardRun.shards(attention, boundaries, layers.get(layer));
      AttentionTensor[] x = tensors.get(layer);
      assertThat(TestTensors.values(x[0])).isEqualTo(expected.out());
      assertThat(TestTensors.values(x[1])).isEqualTo(expected.gradQ());
      assertThat(TestTensors.values(x[2])).isEqualTo(expected.gradK());
      assertThat(TestTensors.values(x[3])).isEqualTo(expected.gradV());
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    long[] boundaries = {0, 10, 30};
    DilatedAttention whole = DilatedAttention.of(SPEC);
    RowExchange nobody =
        (_, _, _, _) -> {
          throw new AssertionError("nothing is exchanged before arguments are checked");
        };
    ShardRun.Inputs in = ShardRun.Inputs.random(new Random(1), ElementType.FLOAT32, 1, 10, 2, 4);
    try (ShardedAttention attention = ShardedAttention.of(whole, boundaries, 1, 2, nobody)) {
      assertThatThrownBy(() ->
              attention.forward(
                  new Qkv(in.q(), in.k(), in.v()),
                  new AttentionOutput(in.q(), TestTensors.floats(20))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("q must hold the shard's 20 tokens and 2 heads: [1, 10, 2, 4]");
    }
    try (ShardedAttention attention = ShardedAttention.of(whole, boundaries, 0, 2, nobody)) {
      assertThatThrownBy(() -> attention.prefetch(in.k(), in.as(ElementType.BFLOAT16).v()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("k and v of a shard must have one type: FLOAT32, BFLOAT16");
    }
    assertThatThrownBy(() -> ShardedAttention.of(whole, boundaries, 2, 2, nobody))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shard must be from 0 to below 2: shard=2");
    assertThatThrownBy(() -> new Qkv(in.q(), in.as(ElementType.FLOAT64).k(), in.v()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("k must be float64 where q is, and only there: FLOAT64");
  }

  /// Two that differ most.
  private static List<AttentionOptions> kernels(ElementType type) {
    return type == ElementType.BFLOAT16
        ? List.of(Kernels.all().getLast(), Kernels.matrix(256), Kernels.matrixFrom(65))
        : List.of(Kernels.all().getFirst(), Kernels.all().getLast());
  }

  private static long[] even(long tokens, int shards) {
    return LongStream.rangeClosed(0, shards).map(i -> tokens * i / shards).toArray();
  }
}
