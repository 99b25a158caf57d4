// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.plan.Calibration;
import dev.longnet.core.plan.Rates;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.ranks.CalibrationTable.What;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.MatrixRate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/// Measures what a plan wants to know of this machine: folds and products of one thread, exchanges
/// between processes of it, and steps of ranks beside those of one process with as many threads.
public final class RanksBenchmark {
  /// Losses of the first steps may differ by so much of the loss: sums in another order.
  private static final double TOLERANCE = 1e-4;

  private static final long SEED = 1;

  private final Settings settings;
  private final Consumer<String> progress;

  /// @param ranks processes of one thread each, at least 2
  /// @param window N of the steps
  /// @param hidden C of the model whose steps are timed
  /// @param steps timed, after one that is not
  /// @param rounds times of everything else
  /// @param largeBytes of the larger exchange, at least a MiB
  /// @param classPath of the ranks' JVMs
  public record Settings(
      int ranks, int window, int hidden, int steps, int rounds, long largeBytes, String classPath) {
    private static final int LAYERS = 4;

    public Settings {
      if (ranks < 2) {
        throw new IllegalArgumentException("ranks must be at least 2: ranks=" + ranks);
      }
      if (steps < 1 || rounds < 1) {
        throw new IllegalArgumentException(
            "steps and rounds must be positive: steps=" + steps + ", rounds=" + rounds);
      }
      if (largeBytes < 1 << 20) {
        throw new IllegalArgumentException(
            "largeBytes must be at least a MiB: largeBytes=" + largeBytes);
      }
    }

    private ProbeRecipe recipe() {
      return new ProbeRecipe(window, hidden, LAYERS, SEED);
    }
  }

  /// @param progress takes a line for each thing that begins
  public RanksBenchmark(Settings settings, Consumer<String> progress) {
    this.settings = settings;
    this.progress = progress;
    settings.recipe();
  }

  public Experiment experiment() {
    return new Experiment(
        CalibrationTable.NAME,
        "Ranks of one thread each lose at most 10 % against one process with as many threads.",
        List.of(SEED),
        _ -> run());
  }

  private ResultTable.Content run() throws IOException {
    CalibrationTable table = new CalibrationTable();
    table.add(What.THREADS, 1, 1, "", 1);
    List<FoldRates.Rate> folds = folds(table);
    products(table);
    Path folder = Files.createTempDirectory("longnet-ranks");
    try {
      ProbeProcesses group = new ProbeProcesses(folder, settings.classPath);
      exchanges(group, table);
      Path recipe = settings.recipe().write(folder);
      int ranks = settings.ranks;
      progress.accept("one process with " + ranks + " threads");
      Steps one = steps(group.run(1, train(recipe, folder.resolve("one"), ranks)));
      progress.accept(ranks + " processes with a thread each");
      Steps many = steps(group.run(ranks, train(recipe, folder.resolve("many"), 1)));
      double difference = requireSame(one, many);
      modelProducts(recipe, one, folds, table);
      table.add(What.ONE_PROCESS, one.tokens, one.rate(), "tokens/s", one.spread());
      table.add(What.RANKS, many.tokens, many.rate(), "tokens/s", many.spread());
      return table.content(notes(one, many, difference));
    } finally {
      AtomicFiles.deleteRecursively(folder);
    }
  }

  private List<String> notes(Steps one, Steps many, double difference) {
    return List.of(
        "Folds: one branch, causal, 4 heads of 64, float32, one thread; checked against the float64 oracle.",
        String.format(
            Locale.ROOT,
            "%d ranks reach %.3f of one process's tokens a second; hidden %d, %d layers, windows of %d tokens.",
            settings.ranks,
            many.rate() / one.rate(),
            settings.hidden,
            Settings.LAYERS,
            settings.window),
        String.format(
            Locale.ROOT,
            "Losses of the first %d steps differ by %.2g of the loss at most.",
            Math.min(one.losses.size(), many.losses.size()),
            difference));
  }

  private List<FoldRates.Rate> folds(CalibrationTable table) {
    FoldRates rates = new FoldRates(SEED, settings.rounds);
    List<FoldRates.Rate> all = new ArrayList<>();
    long window = settings.window;
    long[][] branches = {{window / 64, 1}, {window / 16, 1}, {window, 12}, {window / 4, 1}};
    for (long[] branch : branches) {
      progress.accept("folds of w = " + branch[0] + ", r = " + branch[1]);
      FoldRates.Rate rate = rates.measure(Math.max(1, branch[0]), branch[1], window);
      if (all.stream().noneMatch(other -> other.keys() == rate.keys())) {
        all.add(rate);
        table.add(What.FOLD_FORWARD, rate.keys(), rate.forward(), "FLOP/s", rate.spread());
        table.add(What.FOLD_BACKWARD, rate.keys(), rate.backward(), "FLOP/s", rate.spread());
      }
    }
    return all;
  }

  private void products(CalibrationTable table) {
    progress.accept("matrix products");
    List<Double> seconds = new ArrayList<>();
    double best = 0;
    try (TorchThreads _ = Torch.threads(1)) {
      for (int i = 0; i < settings.rounds; i++) {
        double rate = MatrixRate.measure(Precision.FP32, "cpu");
        best = Math.max(best, rate);
        seconds.add(1 / rate);
      }
    }
    table.add(What.MATRIX_PRODUCTS, 1024, best, "FLOP/s", Calibration.spread(seconds));
  }

  private void exchanges(ProbeProcesses group, CalibrationTable table) throws IOException {
    progress.accept("exchanges between two processes");
    List<String> said =
        group.run(
            2,
            List.of(
                RankProbe.EXCHANGE,
                Integer.toString(Math.max(5, settings.rounds)),
                Integer.toString(64 << 10),
                Long.toString(settings.largeBytes)));
    for (String line : said) {
      String[] words = line.split(" ");
      if (words[0].equals(RankProbe.EXCHANGE)) {
        // A processor that another process has for a moment is no property of a link.
        table.add(What.EXCHANGE, Long.parseLong(words[1]), Double.parseDouble(words[2]), "s", 1);
      }
    }
  }

  private List<String> train(Path recipe, Path run, int threads) {
    return List.of(
        RankProbe.TRAIN,
        recipe.toString(),
        run.toString(),
        Integer.toString(threads),
        Integer.toString(settings.steps + 1));
  }

  /// @param losses of all steps
  /// @param seconds of all but the first
  /// @param tokens of a step
  private record Steps(List<Double> losses, List<Double> seconds, long tokens) {
    double rate() {
      return tokens / Statistics.median(seconds);
    }

    double spread() {
      return Calibration.spread(seconds);
    }
  }

  private Steps steps(List<String> said) {
    List<Double> losses = new ArrayList<>();
    List<Double> seconds = new ArrayList<>();
    long tokens = 0;
    for (String line : said) {
      String[] words = line.split(" ");
      if (words[0].equals("step")) {
        losses.add(Double.parseDouble(words[2]));
        tokens = Long.parseLong(words[4]);
        if (losses.size() > 1) {
          seconds.add(Double.parseDouble(words[3]));
        }
      }
    }
    if (seconds.size() < settings.steps) {
      throw new IllegalStateException("the ranks said of too few steps what they took: " + said);
    }
    return new Steps(losses, seconds, tokens);
  }

  /// @return the largest difference, as a share of the loss
  /// @throws IllegalStateException when ranks train another model than one process does
  private static double requireSame(Steps one, Steps many) {
    double most = 0;
    for (int i = 0; i < Math.min(one.losses.size(), many.losses.size()); i++) {
      double a = one.losses.get(i);
      double b = many.losses.get(i);
      most = Math.max(most, Math.abs(a - b) / Math.abs(a));
      if (!(most <= TOLERANCE)) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT, "ranks compute another loss in step %d: %s, not %s", i + 1, b, a));
      }
    }
    return most;
  }

  /// What of a step attention does not take, at the rates of its folds, is the products'.
  private void modelProducts(
      Path recipe, Steps one, List<FoldRates.Rate> folds, CalibrationTable table)
      throws IOException {
    ModelConfig model =
        Recipes.load(recipe.toString(), List.of(), Tokenizers::vocabularySize).model();
    double products = 3 * new ModelCost(model).tokenwiseFlops(settings.window);
    double forward = model.layers() * model.mixer(0).mixingFlops(model, settings.window);
    Rates rates =
        new Rates(
            1,
            folds.stream().map(r -> new Rates.Fold(r.keys(), r.forward(), r.backward())).toList());
    Rates.Fold typical = rates.of(settings.window / 16);
    double attention =
        (forward / typical.forward() + 2.5 * forward / typical.backward()) / settings.ranks;
    double seconds = Statistics.median(one.seconds);
    // At least a tenth of the step: a rate of folds may be a little low.
    double left = Math.max(seconds / 10, seconds - attention);
    table.add(
        What.MODEL_PRODUCTS,
        settings.hidden,
        products / left / settings.ranks,
        "FLOP/s",
        one.spread());
  }
}
