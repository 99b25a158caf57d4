package dev.longnet.experiments.attention;

import dev.longnet.attention.AttentionOptions;
import dev.longnet.attention.AttentionPattern;
import dev.longnet.attention.DilatedAttentionSpec;
import dev.longnet.experiments.MemoryProbe;
import dev.longnet.experiments.attention.Contestant.Inputs;
import dev.longnet.lm.torch.Torch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Times all implementations in one run, in alternating rounds, after each was found right: ours in this process, the others in one
/// whose environment is a PyTorch user's.
public final class AttentionBenchmark {
  /// Calls shorter than this are timed several at once.
  private static final double SHORTEST_SAMPLE = 0.02;
  /// C2 has compiled the kernels' loops by then.
  private static final double WARM_UP = 1.0;
  static final String OURS = "longnet, java";
  static final String AFTER_PRODUCT = ", right after a matrix product";

  private final BenchSettings settings;
  private final AttentionOptions options;
  private final Consumer<String> progress;
  private final List<Double> products = new ArrayList<>();

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
    long shortest = Collections.min(settings.lengths());
    boolean others = shortest <= Math.max(settings.pytorchUpTo(), settings.denseUpTo());
    try (UserProcess user = others ? new UserProcess(settings, options.threads()) : null) {
      progress.accept("verifying against the float64 oracle");
      Verification.againstOracle(ours(settings.small()), settings);
      if (others) {
        user.verify();
      }
      List<BenchResult> results = new ArrayList<>();
      for (long tokens : settings.lengths()) {
        try (PointerScope scope = new PointerScope()) {
          results.addAll(length(tokens, user));
        }
      }
      return new BenchReport(settings, MatrixProduct.flops() / median(products) / 1e9, options.threads(), results);
    }
  }

  private List<Contestant> ours(DilatedAttentionSpec spec) {
    return List.of(Contestant.java(spec, options), Contestant.libtorch(spec));
  }

  /// One thing that is timed, with its samples.
  private final class Lane {
    final String name;
    final AttentionPattern pattern;
    final IntFunction<Timing> call;
    final boolean afterProduct;
    final List<Double> samples = new ArrayList<>();
    MemoryProbe memory;
    int calls = 1;
    double spent;

    /// @param call takes a number of calls
    Lane(String name, AttentionPattern pattern, boolean afterProduct, IntFunction<Timing> call) {
      this.name = name;
      this.pattern = pattern;
      this.call = call;
      this.afterProduct = afterProduct;
    }

    boolean hasTime() {
      return samples.isEmpty() || spent < settings.seconds();
    }

    /// What takes longer than all of its time is not called again: the first call is its sample.
    void warmUp() {
      Timing first = call.apply(1);
      double shortest = first.seconds();
      if (first.wall() > settings.seconds()) {
        keep(first);
      } else {
        double limit = Math.min(name.equals(OURS) ? WARM_UP : 0.1, settings.seconds());
        for (double sum = first.seconds(); sum < limit; ) {
          double seconds = call.apply(1).seconds();
          sum += Math.max(seconds, 1e-5);
          shortest = Math.min(shortest, seconds);
        }
      }
      calls = (int) Math.ceil(SHORTEST_SAMPLE / Math.max(shortest, 1e-6));
    }

    void sample(MatrixProduct product) {
      rest();
      if (afterProduct) {
        products.add(product.time());
        keep(call.apply(1));
      } else {
        keep(call.apply(calls));
      }
    }

    private void keep(Timing timing) {
      samples.add(timing.seconds());
      spent += timing.wall();
      memory = timing.memory();
    }
  }

  private List<BenchResult> length(long tokens, UserProcess user) {
    DilatedAttentionSpec spec = settings.spec(tokens);
    Inputs x = Inputs.random(settings, tokens);
    List<Lane> lanes = lanes(spec, tokens, x, user);
    for (Lane lane : lanes) {
      if (!lane.afterProduct) {
        progress.accept("N = " + tokens + ": warming up " + lane.name);
        lane.warmUp();
      }
    }
    try (MatrixProduct product = new MatrixProduct()) {
      for (int i = 0; i < 3; i++) {
        product.time();
      }
      for (int round = 0; round < settings.rounds(); round++) {
        progress.accept("N = " + tokens + ": round " + (round + 1) + " of " + settings.rounds());
        rest();
        products.add(product.time());
        for (int i = 0; i < lanes.size(); i++) {
          // Another one begins every round.
          Lane lane = lanes.get((i + round) % lanes.size());
          if (lane.hasTime()) {
            lane.sample(product);
          }
        }
      }
    }
    Map<AttentionPattern, Double> pairs = new HashMap<>();
    List<BenchResult> results = new ArrayList<>();
    for (Lane lane : lanes) {
      double work = pairs.computeIfAbsent(lane.pattern, pattern -> pairs(pattern, tokens))
          * settings.batch() * settings.headSize() * (settings.backward() ? 10 : 4);
      results.add(BenchResult.of(
          lane.name, tokens, lane.samples.stream().mapToDouble(Double::doubleValue).toArray(), work, lane.memory));
    }
    return results;
  }

  /// All that take part at a length, ours first. What computes the same pattern must give the same output on the inputs to be timed.
  private List<Lane> lanes(DilatedAttentionSpec spec, long tokens, Inputs x, UserProcess user) {
    List<Lane> lanes = new ArrayList<>();
    try (PointerScope scope = new PointerScope()) {
      boolean compared = tokens <= settings.pytorchUpTo();
      Tensor expected = null;
      for (Contestant contestant : compared ? ours(spec) : ours(spec).subList(0, 1)) {
        IntFunction<Timing> call = calls -> Timing.of(calls, () -> contestant.time(x, settings.backward()));
        lanes.add(new Lane(contestant.name(), spec, false, call));
        if (lanes.size() == 1) {
          lanes.add(new Lane(OURS + AFTER_PRODUCT, spec, true, call));
          expected = compared ? contestant.forward(x) : null;
        } else {
          progress.accept("N = " + tokens + ": comparing " + contestant.name());
          Verification.againstEachOther(contestant.name(), contestant.forward(x), OURS, expected);
        }
      }
      List<Contestant> others = settings.others(spec, tokens);
      if (!others.isEmpty()) {
        user.length(tokens);
      }
      for (int i = 0; i < others.size(); i++) {
        Contestant other = others.get(i);
        if (compared && other.pattern().equals(spec)) {
          progress.accept("N = " + tokens + ": comparing " + other.name());
          user.compare(i, expected);
        }
        int number = i;
        lanes.add(new Lane(other.name(), other.pattern(), false, calls -> user.time(number, calls)));
      }
    }
    return lanes;
  }

  private double pairs(AttentionPattern pattern, long tokens) {
    double sum = 0;
    for (int head = 0; head < settings.heads(); head++) {
      sum += pattern.pairs(head, settings.heads(), tokens);
    }
    return sum;
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    return sorted[sorted.length / 2];
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
