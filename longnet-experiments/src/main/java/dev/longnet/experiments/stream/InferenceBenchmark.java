// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.MatrixRate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Consumer;

/// One model in float32 and in int8: perplexity of the same text, speed of reading a prompt beside
/// the machine's matrix products, speed of generating beside its memory. All in one run, in
/// alternating rounds, medians.
public final class InferenceBenchmark {
  /// Tokens before the generated ones, and generated ones: few, for the weights to be what is read.
  private static final int CONTEXT = 128;

  private static final int GENERATED = 64;

  /// Generated before those: a cache that has just taken a prompt doubles with the next token, once
  /// for all that follow.
  private static final int UNTIMED = 4;

  private static final int CHECKED = 150;
  private static final long SEED = 1;
  private static final long ROUND_NANOS = 1_000_000_000;

  private InferenceBenchmark() {}

  /// @param perplexity NaN where no text was given
  /// @param prefillTokensPerSecond of a prompt, from an empty state
  /// @param decodeTokensPerSecond one token at a time, the 64 after the first 128
  public record Side(
      long weightBytes,
      double perplexity,
      double prefillTokensPerSecond,
      double decodeTokensPerSecond) {}

  /// @param matrixRate FLOP/s of libtorch's float32 products
  /// @param memoryRate bytes a second that all threads read together
  /// @param prefillFlops of a token of the prompt: products of the layers, attention of the pairs
  ///   that exist
  public record Result(
      Side fp32, Side int8, double matrixRate, double memoryRate, double prefillFlops) {
    /// Of the time a generated token takes, what reading the weights once from memory would take.
    public double decodeShare(Side side) {
      return side.weightBytes() / memoryRate * side.decodeTokensPerSecond();
    }

    /// The share of the machine's matrix-product rate.
    public double prefillShare(Side side) {
      return prefillFlops * side.prefillTokensPerSecond() / matrixRate;
    }
  }

  /// A row for float32, one for int8. Parameters are those of [#run].
  ///
  /// @param shown takes the result
  public static Experiment experiment(
      StreamingModel fp32,
      StreamingModel int8,
      int[] text,
      int prompt,
      int rounds,
      Consumer<String> progress,
      Consumer<Result> shown) {
    return new Experiment(
        "inference",
        "int8 weights cost no perplexity; from hidden 256 on a prompt is read at 65 % of the "
            + "matrix-product rate; a token takes at most twice the time of reading the weights "
            + "once.",
        List.of(SEED),
        _ -> {
          Result r = run(fp32, int8, text, prompt, rounds, progress);
          shown.accept(r);
          return new ResultTable.Content(
              List.of(
                  Column.text("weights"),
                  Column.integer("size", "bytes"),
                  Column.number("perplexity", "", 5),
                  Column.number("prompt", "tokens/s", 4),
                  Column.number("share of matrix products", "%", 3),
                  Column.number("one token at a time", "tokens/s", 4),
                  Column.number("share of reading weights", "%", 3),
                  Column.number("matrix products", "GFLOP/s", 4),
                  Column.number("memory", "GB/s", 4)),
              List.of(row("fp32", r, r.fp32()), row("int8", r, r.int8())),
              List.of(
                  String.format(
                      Locale.ROOT,
                      "%d layers, %d wide, %d heads; prompt of %,d tokens",
                      fp32.config().layers(),
                      fp32.config().hidden(),
                      fp32.config().heads(),
                      prompt)));
        });
  }

  private static List<String> row(String name, Result r, Side side) {
    return ResultTable.row(
        name,
        side.weightBytes(),
        side.perplexity(),
        side.prefillTokensPerSecond(),
        100 * r.prefillShare(side),
        side.decodeTokensPerSecond(),
        100 * r.decodeShare(side),
        r.matrixRate() / 1e9,
        r.memoryRate() / 1e9);
  }

  /// @param fp32 and int8: the same model's
  /// @param text held out, scored by both; empty for none
  /// @param prompt tokens of the prompt, positive
  /// @param rounds of everything, positive
  /// @throws IllegalStateException when chunks and single tokens disagree: then what would be timed
  ///   is not the model
  public static Result run(
      StreamingModel fp32,
      StreamingModel int8,
      int[] text,
      int prompt,
      int rounds,
      Consumer<String> progress) {
    try (StreamSession first = fp32.newSession();
        StreamSession second = int8.newSession()) {
      return run(List.of(first, second), text, prompt, rounds, progress);
    }
  }

  /// @param sessions float32, int8
  private static Result run(
      List<StreamSession> sessions, int[] text, int prompt, int rounds, Consumer<String> progress) {
    StreamingModel fp32 = sessions.getFirst().model();
    sessions.forEach(session -> StreamBenchmark.verify(session, CHECKED));
    double[] perplexity = {Double.NaN, Double.NaN};
    if (text.length > 1) {
      for (int i = 0; i < 2; i++) {
        progress.accept(
            String.format(
                Locale.ROOT,
                "perplexity of %,d tokens, %s",
                text.length - 1,
                i == 0 ? "fp32" : "int8"));
        perplexity[i] = perplexity(sessions.get(i), text);
      }
    }
    int[] tokens =
        new Random(SEED).ints(Math.max(prompt, CONTEXT), 0, fp32.config().vocabulary()).toArray();
    double[][] prefill = new double[2][rounds];
    double[] matrix = new double[rounds];
    for (int round = -1; round < rounds; round++) {
      progress.accept(
          String.format(
              Locale.ROOT,
              "prompt of %,d tokens, %s",
              prompt,
              round < 0 ? "warming up" : "round " + (round + 1) + " of " + rounds));
      double rate;
      try (TorchThreads _ = Torch.threads(fp32.options().threads())) {
        rate = MatrixRate.measure(Precision.FP32, "cpu");
      }
      for (int i = 0; i < 2; i++) {
        double speed =
            prefill(sessions.get(i), tokens, round < 0 ? Math.min(prompt, 2048) : prompt);
        if (round >= 0) {
          matrix[round] = rate;
          prefill[i][round] = speed;
        }
      }
    }
    double[][] decode = new double[2][rounds];
    double[] memory = new double[rounds];
    try (MemoryRate probe = new MemoryRate(fp32.options().threads())) {
      for (int round = -2; round < rounds; round++) {
        progress.accept(
            "one token at a time, "
                + (round < 0 ? "warming up" : "round " + (round + 1) + " of " + rounds));
        double rate = probe.measure();
        for (int i = 0; i < 2; i++) {
          double speed = decode(sessions.get(i), tokens);
          if (round >= 0) {
            memory[round] = rate;
            decode[i][round] = speed;
          }
        }
      }
    }
    ModelConfig config = fp32.config();
    double head = 2.0 * config.hidden() * config.vocabulary();
    List<Side> sides = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      sides.add(
          new Side(
              sessions.get(i).model().weightBytes(),
              perplexity[i],
              Statistics.median(prefill[i]),
              Statistics.median(decode[i])));
    }
    return new Result(
        sides.get(0),
        sides.get(1),
        Statistics.median(matrix),
        Statistics.median(memory),
        new ModelCost(config).forwardFlops(prompt) / prompt - head);
  }

  private static double perplexity(StreamSession session, int[] text) {
    float[] losses = new float[text.length];
    double nats = 0;
    try (StreamState state = session.model().newStream()) {
      session.read(state, text, 0, text.length, losses);
    }
    for (int i = 1; i < losses.length; i++) {
      nats += losses[i];
    }
    return Math.exp(nats / (losses.length - 1));
  }

  private static double prefill(StreamSession session, int[] tokens, int count) {
    try (StreamState state = session.model().newStream()) {
      long start = System.nanoTime();
      session.read(state, tokens, 0, count);
      return count / ((System.nanoTime() - start) / 1e9);
    }
  }

  /// What generation does for a token: read it, score the next, take the likeliest. The same tokens
  /// again until a second is full.
  private static double decode(StreamSession session, int[] tokens) {
    float[] logits = new float[session.model().config().vocabulary()];
    long nanos = 0;
    int count = 0;
    long end = System.nanoTime() + ROUND_NANOS;
    while (System.nanoTime() < end) {
      try (StreamState state = session.model().newStream()) {
        session.read(state, tokens, 0, CONTEXT);
        int[] token = {tokens[CONTEXT - 1]};
        long start = 0;
        for (int i = -UNTIMED; i < GENERATED; i++) {
          start = i == 0 ? System.nanoTime() : start;
          session.read(state, token, 0, 1);
          session.logits(state, logits);
          token[0] = largest(logits);
        }
        nanos += System.nanoTime() - start;
        count += GENERATED;
      }
    }
    return count / (nanos / 1e9);
  }

  private static int largest(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }
}
