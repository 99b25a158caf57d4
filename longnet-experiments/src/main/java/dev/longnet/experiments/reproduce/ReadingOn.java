// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.reproduce.Bootstrap.Interval;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Whether a model gets better while it reads: repositories that it has not seen are read from
/// their first token on, and losses are taken by the tokens read before. LongNet reads as a stream,
/// as does its twin that sees near things alone; dense attention reads in windows as long as those
/// that it was trained on, which move by half.
public final class ReadingOn implements Reproduction {
  private static final String NAME = "reading";

  /// Those that matter most in front.
  private static final List<Attention> ROWS =
      List.of(Attention.OURS, Attention.NEAR, Attention.DENSE);

  /// Pieces of a text whose losses are kept.
  private static final int PIECES = 256;

  /// How large it is.
  ///
  /// @param recipe that rows change
  /// @param shortest tokens of the first windows
  /// @param dense tokens of dense attention's windows
  /// @param longest tokens that ours sees
  /// @param steps of a run; 0: the recipe's
  /// @param tokens read of each text
  /// @param texts corpora of one repository each, as changes to the recipe
  private record Size(
      String recipe,
      int shortest,
      int dense,
      int longest,
      int steps,
      int tokens,
      List<List<String>> texts) {
    static Size of(Scale scale) {
      return switch (scale) {
        case QUICK ->
            new Size(
                "evidence-quick",
                64,
                256,
                1024,
                0,
                4096,
                List.of(
                    text("jdk", "java.base/java/time/**"), text("jdk", "java.base/java/text/**")));
        case MACHINE -> new Size("long", 512, 2048, 32_768, 4000, 262_144, UNSEEN);
        case GPU -> new Size("base-125m", 2048, 8192, 32_768, 0, 1 << 20, UNSEEN);
      };
    }
  }

  /// Repositories of none of our recipes.
  private static final List<List<String>> UNSEEN =
      List.of(
          text("maven:org.apache.lucene:lucene-core:9.11.1:sources"),
          text("maven:com.fasterxml.jackson.core:jackson-databind:2.17.2:sources"),
          text("maven:com.google.guava:guava:33.2.1-jre:sources"),
          text("maven:org.apache.commons:commons-math3:3.6.1:sources"),
          text("maven:org.apache.kafka:kafka-clients:3.7.0:sources"),
          text("maven:org.springframework:spring-core:6.1.10:sources"),
          text("maven:io.netty:netty-buffer:4.1.111.Final:sources"),
          text("maven:org.postgresql:postgresql:42.7.3:sources"));

  private static List<String> text(String source, String... include) {
    return List.of(
        "corpus.sources=['" + source + "']",
        "corpus.include=" + (include.length == 0 ? "[]" : "['" + include[0] + "']"),
        "corpus.validation=0",
        "corpus.holdout=document");
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "bits a byte of repositories that no model has seen, by the tokens read of them; one seed";
  }

  private static String row(Attention attention) {
    return attention.name().toLowerCase(Locale.ROOT);
  }

  private static ModelRecipe recipe(Setting setting, Attention attention) {
    Size size = Size.of(setting.scale());
    List<String> overrides = new ArrayList<>();
    if (setting.scale() == Scale.GPU) {
      overrides.addAll(LanguageModels.ON_GPU);
    }
    if (size.steps > 0) {
      overrides.add("training.steps=" + size.steps);
    }
    int window = attention == Attention.DENSE ? size.dense : size.longest;
    overrides.add("model.attention=" + attention(attention, size.shortest, window));
    overrides.addAll(windows(size, window, setting.scale()));
    overrides.add("evaluation.lengths=[" + size.shortest + "]");
    return new ModelRecipe(setting.id(NAME, row(attention), 1), size.recipe, overrides);
  }

  /// As in table 2, but that ours sees the last tokens of a stream, wherever it stands.
  private static String attention(Attention attention, int shortest, int window) {
    return attention == Attention.OURS
        ? String.format(
            Locale.ROOT,
            "{type: dilated, branches: [%s, {segment_length: %d, window: sliding, heads: [0], layers: [0]}]}",
            LanguageModels.near(shortest),
            window)
        : LanguageModels.attention(attention, shortest, 2, window);
  }

  /// Small steps of short windows first, then longer ones; all rows have the same steps.
  private static List<String> windows(Size size, int window, Scale scale) {
    if (scale == Scale.GPU) {
      return List.of("training.window=" + window, "training.sequences=1");
    }
    int small = size.shortest;
    int middle = size.longest / 4;
    int longer = Math.min(window, middle);
    List<String> phases =
        List.of(
            LanguageModels.phase(0.6, small, 4, 4 * small) + ", learning_rate_factor: 0.5}",
            LanguageModels.phase(0.85, longer, middle / longer, middle) + "}",
            LanguageModels.phase(1, window, size.longest / window, size.longest) + "}");
    return List.of("training.windows=" + phases, "training.sequences=" + size.longest / window);
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    Size size = Size.of(setting.scale());
    List<Job> jobs = new ArrayList<>();
    for (Attention attention : ROWS) {
      ModelRecipe recipe = recipe(setting, attention);
      int window = setting.config(recipe).training().window();
      ModelCost cost = new ModelCost(setting.config(recipe).model());
      double each = cost.forwardFlops(window) / window;
      jobs.add(Job.of(recipe, each * size.tokens * size.texts.size()));
    }
    return jobs;
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    LanguageModels.describe(model, figures);
    Size size = Size.of(setting.scale());
    int piece = size.tokens / PIECES;
    figures.put("piece", piece);
    ArrayNode texts = figures.putArray("texts");
    for (List<String> text : size.texts) {
      CorpusConfig corpus =
          setting
              .load(size.recipe, text)
              .corpus()
              .withTokenizer(model.config().corpus().tokenizer());
      try (TokenShards shards =
          Tokenization.prepare(corpus.absolute(), TokenizationListener.NONE)) {
        read(shards.train(), corpus, size.tokens, piece, model, texts.addObject());
      }
    }
  }

  private static void read(
      TokenSplit tokens,
      CorpusConfig corpus,
      int most,
      int piece,
      TrainedModel model,
      ObjectNode node)
      throws IOException {
    // Whole pieces, and the token before the first that is scored.
    int count = Math.toIntExact(Math.min(most, tokens.size() - 1) / piece * piece);
    long[] ids = new long[count + 1];
    tokens.copy(0, ids.length, MemorySegment.ofArray(ids));
    float[] losses = model.read(ids);
    int[] bytes = HeldOutGroups.bytes(tokens, model.tokenizer(), 1, count);
    double[] nats = new double[count / piece];
    double[] sizes = new double[count / piece];
    for (int i = 0; i < count; i++) {
      nats[i / piece] += losses[i];
      sizes[i / piece] += bytes[i];
    }
    node.put("source", corpus.sources().getFirst().path());
    ArrayNode list = node.putArray("nats");
    Arrays.stream(nats).forEach(value -> list.add(HeldOutLosses.rounded(value, 2)));
    ArrayNode of = node.putArray("bytes");
    Arrays.stream(sizes).forEach(value -> of.add(Math.round(value)));
  }

  /// Pieces in octaves: the first, the second, the third and fourth, and so on.
  private static List<int[]> octaves() {
    List<int[]> octaves = new ArrayList<>();
    octaves.add(new int[] {0, 1});
    for (int from = 1; from < PIECES; from *= 2) {
      octaves.add(new int[] {from, 2 * from});
    }
    return octaves;
  }

  /// What a run says of an octave: nats or bytes by text.
  private static double[] sums(Evidence run, String kind, int[] octave) {
    JsonNode texts = run.figures().path("texts");
    double[] sums = new double[texts.size()];
    for (int t = 0; t < sums.length; t++) {
      double[] all = HeldOutLosses.numbers(texts.get(t).path(kind));
      for (int i = octave[0]; i < Math.min(octave[1], all.length); i++) {
        sums[t] += all[i];
      }
    }
    return sums;
  }

  private static double bits(Evidence run, int[] octave) {
    return Arrays.stream(sums(run, "nats", octave)).sum()
        / Math.log(2)
        / Arrays.stream(sums(run, "bytes", octave)).sum();
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    int piece = Size.of(setting.scale()).tokens / PIECES;
    List<Evidence> runs = new ArrayList<>();
    List<Column> columns = new ArrayList<>();
    columns.add(Column.integer("read before, from", "tokens"));
    columns.add(Column.integer("to", "tokens"));
    columns.add(Column.integer("texts", ""));
    for (Attention attention : ROWS) {
      columns.add(Column.number(row(attention), "bits a byte", 4));
    }
    for (Attention other : ROWS.subList(1, ROWS.size())) {
      columns.add(Column.number("ours less " + row(other), "bits a byte", 3));
      columns.add(Column.number("95 % from (" + row(other) + ")", "", 3));
      columns.add(Column.number("to (" + row(other) + ")", "", 3));
    }
    List<List<String>> cells = new ArrayList<>();
    for (int[] octave : octaves()) {
      List<Object> cell = new ArrayList<>();
      cell.add(octave[0] * piece);
      cell.add(octave[1] * piece);
      cell.add(texts(setting, evidence, octave));
      for (Attention attention : ROWS) {
        cell.add(
            evidence.row(setting, NAME, row(attention)).stream()
                .mapToDouble(run -> bits(run, octave))
                .average()
                .orElse(Double.NaN));
      }
      for (Attention other : ROWS.subList(1, ROWS.size())) {
        Interval lead = lead(setting, evidence, other, octave);
        cell.addAll(List.of(lead.value(), lead.low(), lead.high()));
      }
      cells.add(ResultTable.row(cell.toArray()));
    }
    List<LineChart.Line> lines = new ArrayList<>();
    for (Attention attention : ROWS) {
      List<Evidence> own = evidence.row(setting, NAME, row(attention));
      runs.addAll(own);
      if (!own.isEmpty()) {
        // An octave stands at its end.
        double[] x = octaves().stream().mapToDouble(o -> (double) o[1] * piece).toArray();
        double[] y = octaves().stream().mapToDouble(o -> bits(own.getFirst(), o)).toArray();
        lines.add(new LineChart.Line(attention.title, x, y));
      }
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "The first %,d tokens of %d %s, each read from its first token on, as far as it goes.",
            PIECES * piece,
            Size.of(setting.scale()).texts.size(),
            setting.scale() == Scale.QUICK
                ? "packages that are not trained on"
                : "repositories that are in no recipe"));
    notes.add(
        "LongNet and its twin without the far branch read as a stream. Dense attention reads in"
            + " windows of its trained length that move by half of it.");
    notes.add(
        "Texts differ along their way: compare rows with one another by the leads, columns within a"
            + " row.");
    notes.add("Intervals are a paired bootstrap of 2,000 draws over the repositories.");
    notes.addAll(evidence.missing(jobs(setting)));
    ResultTable table =
        new ResultTable(
            NAME,
            "The more of a repository LongNet has read, the further it is ahead of its twin that sees"
                + " near things alone.",
            EvidenceSet.origin(Table2.command(setting, NAME), runs),
            new ResultTable.Content(columns, cells, notes));
    List<Findings.Plot> plots =
        lines.isEmpty()
            ? List.of()
            : List.of(
                new Findings.Plot(
                    NAME,
                    new LineChart(
                        "Bits a byte of an unseen repository",
                        "tokens read",
                        "bits a byte",
                        false,
                        lines)));
    return new Findings(List.of(table), plots, List.of());
  }

  /// How many texts reach an octave.
  private static long texts(Setting setting, EvidenceSet evidence, int[] octave) {
    return ROWS.stream()
        .flatMap(row -> evidence.row(setting, NAME, row(row)).stream())
        .mapToLong(run -> Arrays.stream(sums(run, "bytes", octave)).filter(b -> b > 0).count())
        .min()
        .orElse(0);
  }

  private static Interval lead(
      Setting setting, EvidenceSet evidence, Attention other, int[] octave) {
    List<Evidence> ones = evidence.row(setting, NAME, row(Attention.OURS));
    List<Evidence> others = evidence.row(setting, NAME, row(other));
    if (ones.isEmpty() || others.isEmpty()) {
      return new Interval(Double.NaN, Double.NaN, Double.NaN);
    }
    return Bootstrap.difference(
        List.of(sums(ones.getFirst(), "nats", octave)),
        List.of(sums(others.getFirst(), "nats", octave)),
        sums(ones.getFirst(), "bytes", octave));
  }
}
