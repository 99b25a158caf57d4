// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelCost;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Who remembers what, from how far away: many pairs at a sequence's beginning (MQAR, Zoology), and
/// one pair at any depth of a long sequence (a needle in a haystack). One model answers both; it is
/// trained on text that hides pairs and asks for them, at all distances.
public final class Recall implements Reproduction {
  static final String NAME = "recall";

  /// Of the paper's segments: with five of them the pattern covers the longest haystack.
  private static final int GROWTH = 4;

  static final int DEPTHS = 9;

  /// Seeds of sequences that measure; the text that is trained on has others.
  private static final long MQAR_SEED = 1L << 40;

  private static final long NEEDLE_SEED = 1L << 41;

  /// Tokens that go through a model at once.
  private static final int PASS = 8192;

  /// How large it is.
  ///
  /// @param recipe that rows change
  /// @param shortest tokens: of the paper's shortest segment
  /// @param tokens of a sequence of many pairs
  /// @param pairs in it
  /// @param sequences of many pairs
  /// @param lengths of haystacks, rising; the longest is trained on too
  /// @param needles of each length and depth
  record Size(
      String recipe,
      int shortest,
      int tokens,
      int pairs,
      int sequences,
      List<Integer> lengths,
      int needles) {
    static Size of(Scale scale) {
      return switch (scale) {
        case QUICK -> new Size("recall-quick", 32, 256, 8, 64, List.of(64, 128, 256, 512, 1024), 8);
        case MACHINE ->
            new Size("recall", 128, 2048, 32, 64, List.of(2048, 4096, 8192, 16384, 32768), 10);
        case GPU ->
            new Size(
                "recall-gpu", 128, 2048, 32, 64, List.of(8192, 16384, 32768, 65536, 131072), 10);
      };
    }

    /// Octaves of distances, each by its first one.
    List<Integer> octaves() {
      List<Integer> octaves = new ArrayList<>();
      for (int from = RecallQuestions.NEAREST; from < tokens; from *= 2) {
        octaves.add(from);
      }
      return octaves;
    }
  }

  /// Those that matter most in front.
  static final List<Attention> ROWS =
      List.of(Attention.OURS, Attention.NEAR, Attention.PAPER, Attention.SPARSE, Attention.DENSE);

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "pairs recalled by their distance, and a needle by the haystack's length and its depth";
  }

  static String row(Attention attention) {
    return attention.name().toLowerCase(Locale.ROOT);
  }

  static ModelRecipe recipe(Setting setting, Attention attention, long seed) {
    Size size = Size.of(setting.scale());
    List<String> overrides = new ArrayList<>();
    overrides.add(
        "model.attention="
            + LanguageModels.attention(attention, size.shortest, GROWTH, size.lengths.getLast()));
    if (setting.scale() == Scale.GPU) {
      overrides.add("runtime.device=cuda");
    }
    return new ModelRecipe(setting.id(NAME, row(attention), seed), size.recipe, overrides);
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    List<Attention> rows = new ArrayList<>(ROWS);
    rows.remove(Attention.DENSE);
    for (List<Attention> part : List.of(rows, List.of(Attention.DENSE))) { // it takes longest
      for (long seed : setting.seedsUnlessQuick(Table2.MOST_SEEDS)) {
        for (Attention attention : part) {
          ModelRecipe recipe = recipe(setting, attention, seed);
          jobs.add(Job.of(recipe, flops(setting, new ModelCost(setting.config(recipe).model()))));
        }
      }
    }
    return jobs;
  }

  private static double flops(Setting setting, ModelCost cost) {
    Size size = Size.of(setting.scale());
    double mqar = size.sequences * cost.forwardFlops(size.tokens);
    return mqar
        + size.lengths.stream()
            .mapToDouble(length -> (double) DEPTHS * size.needles * cost.forwardFlops(length))
            .sum();
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    LanguageModels.describe(model, figures);
    ask(setting.scale(), model, figures);
  }

  /// Asks a model all questions of a scale.
  static void ask(Scale scale, TrainedModel model, ObjectNode figures) {
    Size size = Size.of(scale);
    mqar(size, model, figures.putObject("mqar"));
    needle(size, model, figures.putObject("needle"));
  }

  private static void mqar(Size size, TrainedModel model, ObjectNode node) {
    List<RecallQuestions> all = new ArrayList<>();
    for (int i = 0; i < size.sequences; i++) {
      all.add(RecallQuestions.mqar(MQAR_SEED + i, size.tokens, size.pairs));
    }
    int octaves = size.octaves().size();
    long[] asked = new long[octaves];
    long[] right = new long[octaves];
    List<boolean[]> answers = answers(model, all);
    for (int i = 0; i < all.size(); i++) {
      for (int q = 0; q < size.pairs; q++) {
        int octave = RecallQuestions.octave(all.get(i).distances().get(q));
        asked[octave]++;
        right[octave] += answers.get(i)[q] ? 1 : 0;
      }
    }
    node.put("tokens", size.tokens);
    node.put("pairs", size.pairs);
    ArrayNode from = node.putArray("from");
    size.octaves().forEach(from::add);
    Arrays.stream(asked).forEach(node.putArray("asked")::add);
    Arrays.stream(right).forEach(node.putArray("right")::add);
  }

  private static void needle(Size size, TrainedModel model, ObjectNode node) {
    node.put("needles", size.needles);
    ArrayNode depths = node.putArray("depths");
    for (int d = 0; d < DEPTHS; d++) {
      depths.add(depth(d));
    }
    ArrayNode lengths = node.putArray("lengths");
    for (int length : size.lengths) {
      ObjectNode row = lengths.addObject();
      row.put("tokens", length);
      ArrayNode right = row.putArray("right");
      for (int d = 0; d < DEPTHS; d++) {
        List<RecallQuestions> cell = new ArrayList<>();
        for (int i = 0; i < size.needles; i++) {
          long seed = NEEDLE_SEED + ((long) DEPTHS * length + d) * size.needles + i;
          cell.add(RecallQuestions.needle(seed, length, depth(d)));
        }
        right.add(answers(model, cell).stream().filter(answer -> answer[0]).count());
      }
    }
  }

  static double depth(int number) {
    return number / (DEPTHS - 1.0);
  }

  /// Which of the questions a model answers.
  ///
  /// @param all equally long
  private static List<boolean[]> answers(TrainedModel model, List<RecallQuestions> all) {
    List<boolean[]> answers = new ArrayList<>();
    int tokens = all.getFirst().text().length;
    int together = Math.max(1, PASS / tokens);
    for (int first = 0; first < all.size(); first += together) {
      List<RecallQuestions> pass = all.subList(first, Math.min(all.size(), first + together));
      long[] ids = new long[pass.size() * tokens];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = pass.get(i / tokens).token(i % tokens);
      }
      long[] expected = model.expected(ids, pass.size(), tokens);
      for (int i = 0; i < pass.size(); i++) {
        RecallQuestions one = pass.get(i);
        long[] own = Arrays.copyOfRange(expected, i * tokens, (i + 1) * tokens);
        boolean[] right = new boolean[one.answers().size()];
        for (int q = 0; q < right.length; q++) {
          right[q] = one.isRight(q, own);
        }
        answers.add(right);
      }
    }
    return answers;
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    return new RecallTables(setting, evidence).findings(evidence.missing(jobs(setting)));
  }
}
