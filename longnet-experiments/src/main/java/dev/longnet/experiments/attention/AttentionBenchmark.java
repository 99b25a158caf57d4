package dev.longnet.experiments.attention;

import dev.longnet.experiments.MemoryProbe;
import dev.longnet.attention.AttentionOptions;
import dev.longnet.attention.AttentionPattern;
import dev.longnet.attention.Branch;
import dev.longnet.attention.DilatedAttentionSpec;
import dev.longnet.attention.HeadOffsets;
import dev.longnet.experiments.attention.Contestant.Inputs;
import dev.longnet.lm.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Times all implementations in one process, in alternating rounds, after each was found right.
public final class AttentionBenchmark {
  /// Calls shorter than this are timed several at once.
  private static final double SHORTEST_SAMPLE = 0.02;
  /// C2 has compiled the kernels' loops by then.
  private static final double WARM_UP = 1.0;
  static final String AFTER_PRODUCT = ", right after a matrix product";

  private final BenchSettings settings;
  private final AttentionOptions options;
  private final Consumer<String> progress;

  /// @param options of the Java kernels
  /// @param progress takes a line now and then
  public AttentionBenchmark(BenchSettings settings, AttentionOptions options, Consumer<String> progress) {
    this.settings = settings;
    this.options = options;
    this.progress = progress;
  }

  /// @throws IllegalStateException when an implementation computes something else than the others
  public BenchReport run() {
    Torch.setThreads(options.threads());
    torch.manual_seed(1);
    verify();
    List<BenchResult> results = new ArrayList<>();
    List<Double> products = new ArrayList<>();
    for (long tokens : settings.lengths()) {
      try (PointerScope scope = new PointerScope();
          MatrixProduct product = new MatrixProduct()) {
        results.addAll(length(tokens, product, products));
      }
    }
    double[] sorted = products.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    double product = sorted[sorted.length / 2];
    return new BenchReport(settings, MatrixProduct.flops() / product / 1e9, options.threads(), results);
  }

  /// A small problem whose branches stand to each other as the timed ones do, against the float64 oracle.
  private void verify() {
    progress.accept("verifying against the float64 oracle");
    List<Branch> small = new ArrayList<>();
    for (Branch branch : settings.spec(settings.lengths().getFirst()).segments()) {
      small.add(new Branch(Math.max(branch.dilation() + 1, Math.min(branch.segmentLength() / 64, 384)), branch.dilation()));
    }
    DilatedAttentionSpec spec = new DilatedAttentionSpec(small, settings.causal(), HeadOffsets.INTERLEAVED);
    try (PointerScope scope = new PointerScope()) {
      // 397 tokens: no segment divides them.
      Inputs x = inputs(397, Math.min(4, settings.heads()), Math.min(16, settings.headSize()));
      contestants(spec, 0).forEach(contestant -> Verification.againstOracle(contestant, x));
    }
  }

  private Inputs inputs(long tokens, int heads, int headSize) {
    Tensor[] x = new Tensor[4];
    Arrays.setAll(x, i -> i == 3 && tokens > 400 && !settings.backward() ? x[0] : torch.randn(settings.batch(), tokens, heads, headSize));
    return new Inputs(x[0], x[1], x[2], x[3]);
  }

  /// All that take part at a length; ours first.
  private List<Contestant> contestants(DilatedAttentionSpec spec, long tokens) {
    List<Contestant> all = new ArrayList<>();
    all.add(Contestant.java(spec, options));
    if (tokens <= settings.pytorchUpTo()) {
      all.add(Contestant.libtorch(spec));
      all.add(Contestant.pytorch(spec, true));
      all.add(Contestant.pytorch(spec, false));
    }
    if (tokens <= settings.denseUpTo()) {
      all.add(Contestant.dense(settings.dense(), true));
      all.add(Contestant.dense(settings.dense(), false));
    }
    return all;
  }

  /// One thing that is timed, with its samples.
  private static final class Lane {
    final String name;
    final Contestant contestant;
    final boolean afterProduct;
    final List<Double> samples = new ArrayList<>();
    MemoryProbe memory = new MemoryProbe(OptionalLong.empty(), OptionalLong.empty(), 0);
    int calls = 1;
    double spent;

    Lane(Contestant contestant, boolean afterProduct) {
      this.name = contestant.name() + (afterProduct ? AFTER_PRODUCT : "");
      this.contestant = contestant;
      this.afterProduct = afterProduct;
    }
  }

  private List<BenchResult> length(long tokens, MatrixProduct product, List<Double> products) {
    DilatedAttentionSpec spec = settings.spec(tokens);
    List<Contestant> contestants = contestants(spec, tokens);
    Inputs x = inputs(tokens, settings.heads(), settings.headSize());
    agree(contestants, x, tokens);
    List<Lane> lanes = new ArrayList<>();
    contestants.forEach(contestant -> lanes.add(new Lane(contestant, false)));
    lanes.add(1, new Lane(contestants.getFirst(), true));
    for (Lane lane : lanes) {
      progress.accept("N = " + tokens + ": warming up " + lane.name);
      warmUp(lane, x);
    }
    for (int i = 0; i < 3; i++) {
      product.time();
    }
    for (int round = 0; round < settings.rounds(); round++) {
      progress.accept("N = " + tokens + ": round " + (round + 1) + " of " + settings.rounds());
      products.add(product.time());
      for (int i = 0; i < lanes.size(); i++) {
        // Another one begins every round.
        Lane lane = lanes.get((i + round) % lanes.size());
        if (lane.samples.isEmpty() || lane.spent < settings.seconds()) {
          sample(lane, x, product, products);
        }
      }
    }
    Map<AttentionPattern, Double> pairs = new LinkedHashMap<>();
    List<BenchResult> results = new ArrayList<>();
    for (Lane lane : lanes) {
      double work = pairs.computeIfAbsent(lane.contestant.pattern(), pattern -> pairs(pattern, tokens))
          * settings.batch() * settings.headSize() * (settings.backward() ? 10 : 4);
      results.add(BenchResult.of(
          lane.name, tokens, lane.samples.stream().mapToDouble(Double::doubleValue).toArray(), work, lane.memory));
    }
    return results;
  }

  private double pairs(AttentionPattern pattern, long tokens) {
    double sum = 0;
    for (int head = 0; head < settings.heads(); head++) {
      sum += pattern.pairs(head, settings.heads(), tokens);
    }
    return sum;
  }

  /// What computes the same pattern must give the same output on the inputs to be timed.
  private void agree(List<Contestant> contestants, Inputs x, long tokens) {
    Contestant ours = contestants.getFirst();
    try (PointerScope scope = new PointerScope()) {
      Tensor expected = ours.forward(x);
      for (Contestant other : contestants.subList(1, contestants.size())) {
        if (other.pattern().equals(ours.pattern())) {
          progress.accept("N = " + tokens + ": comparing " + other.name());
          try (PointerScope inner = new PointerScope()) {
            Verification.againstEachOther(other, other.forward(x), ours, expected);
          }
        }
      }
    }
  }

  private void warmUp(Lane lane, Inputs x) {
    lane.memory = MemoryProbe.of(() -> lane.spent = lane.contestant.time(x, settings.backward()));
    double limit = lane.contestant.name().startsWith("longnet, java") ? WARM_UP : 0.1;
    double spent = lane.spent;
    double shortest = lane.spent;
    while (spent < limit) {
      double seconds = lane.contestant.time(x, settings.backward());
      spent += Math.max(seconds, 1e-5);
      shortest = Math.min(shortest, seconds);
    }
    // The second call's memory: by then nothing is allocated for good.
    if (shortest < settings.seconds() / 4) {
      lane.memory = MemoryProbe.of(() -> lane.contestant.time(x, settings.backward()));
    }
    lane.spent = 0;
    lane.calls = (int) Math.ceil(SHORTEST_SAMPLE / Math.max(shortest, 1e-6));
  }

  private void sample(Lane lane, Inputs x, MatrixProduct product, List<Double> products) {
    double sum = 0;
    int calls = lane.afterProduct ? 1 : lane.calls;
    if (lane.afterProduct) {
      products.add(product.time());
    } else {
      rest();
    }
    for (int i = 0; i < calls; i++) {
      sum += lane.contestant.time(x, settings.backward());
    }
    lane.samples.add(sum / calls);
    lane.spent += sum;
  }

  /// Lets the pools that the previous contestant left spinning fall asleep.
  private static void rest() {
    try {
      Thread.sleep(60);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the benchmark was interrupted");
    }
  }
}
