// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.TrainingCost;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.pipeline.TokenizerTraining;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The language models of the paper's tables: rows that differ in their attention and their length
/// alone. One formula serves all scales: windows, segments and blocks are multiples of the shortest
/// length.
final class LanguageModels {
  /// What the paper's own recipes lack and the smaller scales' have; all rows have them, or none.
  static final List<String> ON_GPU =
      List.of(
          "runtime.device=cuda",
          "model.short_convolution=4",
          "model.nope_heads=1",
          "model.nope_scale=2048",
          "training.induction_heads=1");

  /// Text that the tokenizer learns from.
  private static final long TOKENIZER_BYTES = 64L << 20;

  private LanguageModels() {}

  /// An attention, and how long the sequences are that it is trained on.
  ///
  /// @param length tokens
  record Row(Attention attention, int length) {
    /// `ours-8k`
    String name() {
      return attention.name().toLowerCase(Locale.ROOT) + "-" + label(length);
    }
  }

  /// What mixes tokens.
  enum Attention {
    DENSE("dense"),
    SPARSE("sparse, FLOPs of LongNet (paper)"),
    PAPER("LongNet (paper)"),
    OURS("LongNet (ours)"),
    /// Ours without its far branch.
    NEAR("LongNet (ours), near branch alone");

    final String title;

    Attention(String title) {
      this.title = title;
    }
  }

  /// 512, 2k, 32k
  static String label(int length) {
    return length % 1024 == 0 ? length / 1024 + "k" : String.valueOf(length);
  }

  /// How a row's model is trained.
  static ModelRecipe recipe(Setting setting, String experiment, Row row, long seed) {
    List<String> overrides = new ArrayList<>();
    if (setting.scale() == Scale.MACHINE) {
      overrides.add("corpus.tokenizer='" + setting.tokenizer().toString().replace("'", "''") + "'");
    }
    if (setting.scale() == Scale.GPU) {
      overrides.addAll(ON_GPU);
    }
    overrides.add(
        "model.attention="
            + attention(row.attention, setting.scale().lengths().getFirst(), 2, row.length));
    overrides.addAll(windows(setting.scale(), row.length));
    return new ModelRecipe(
        setting.id(experiment, row.name(), seed), setting.scale().recipe(), overrides);
  }

  private static List<String> windows(Scale scale, int length) {
    int shortest = scale.lengths().getFirst();
    // The paper has no phases, and a sequence a pass.
    return scale == Scale.GPU
        ? List.of("training.window=" + length, "training.sequences=1")
        : windows(shortest, length, scale.lengths(), scale == Scale.QUICK ? MANY_LONG : FEW_LONG);
  }

  /// Most steps are small ones in the shortest windows, for all rows alike: near things are learned
  /// from many steps. Then every step has as many tokens as the longest window, and rows of longer
  /// windows take a share of these steps in them, in turns with the shortest ones.
  ///
  /// @param share of these steps that are in a row's own windows
  static List<String> windows(int shortest, int length, List<Integer> lengths, double share) {
    int tokens = lengths.getLast();
    List<String> phases = new ArrayList<>();
    phases.add(phase(SMALL_STEPS, shortest, 4, 4 * shortest) + ", learning_rate_factor: 0.5}");
    double turn = (1 - SMALL_STEPS) / TURNS;
    for (int i = 1; i <= TURNS && length > shortest; i++) {
      double until = SMALL_STEPS + i * turn;
      phases.add(phase(until - share * turn, shortest, tokens / shortest, tokens) + "}");
      phases.add(phase(until, length, tokens / length, tokens) + "}");
    }
    if (length == shortest) {
      phases.add(phase(1, length, tokens / length, tokens) + "}");
    }
    return List.of("training.windows=" + phases, "training.sequences=" + tokens / length);
  }

  /// A phase of a recipe, open for more keys.
  static String phase(double until, int window, int sequences, int tokens) {
    return String.format(
        Locale.ROOT,
        "{until: %.4f, window: %d, sequences: %d, batch_tokens: %d",
        until,
        window,
        sequences,
        tokens);
  }

  /// The branches of ours that see near by, on all heads.
  static String near(int shortest) {
    return String.format(
        Locale.ROOT, "{segment_length: %d}, {segment_length: %d}", shortest / 8, shortest / 2);
  }

  /// The attention of a row.
  ///
  /// @param shortest tokens of the paper's shortest segment; ours sees half of that near by, in
  ///   segments
  /// @param growth of the paper's segments, from one to the next
  /// @param length of the sequences
  static String attention(Attention attention, int shortest, int growth, int length) {
    List<Integer> segments = new ArrayList<>();
    for (long s = shortest; s <= length && segments.size() < DILATIONS.size(); s *= growth) {
      segments.add((int) s);
    }
    String near = near(shortest);
    return switch (attention) {
      case DENSE -> "{type: dense}";
      case SPARSE ->
          String.format(
              Locale.ROOT,
              "{type: sparse, block_length: %d, columns: %d}",
              shortest,
              columns(segments, length));
      case PAPER ->
          String.format(
              Locale.ROOT,
              "{type: dilated, segment_lengths: %s, dilations: %s}",
              segments,
              DILATIONS.subList(0, segments.size()));
      // One head of the first layer sees everything besides; see docs/log.md.
      case OURS ->
          String.format(
              Locale.ROOT,
              "{type: dilated, branches: [%s, {segment_length: %d, heads: [0], layers: [0]}]}",
              near,
              length);
      case NEAR -> "{type: dilated, branches: [" + near + "]}";
    };
  }

  /// The share of steps that are small.
  private static final double SMALL_STEPS = 0.6;

  /// How often short and long windows take turns behind them; long ones are the last.
  private static final int TURNS = 5;

  /// A share of long windows where heads without positions carry over to them what they learn in
  /// short ones: more cost at short lengths and bring nothing at long ones (docs/log.md,
  /// 2026-11-30).
  private static final double FEW_LONG = 1 / 32.0;

  /// Elsewhere, and where there are so few steps that each turn has one.
  static final double MANY_LONG = 1 / 6.0;

  /// The paper's, beside segments that grow.
  private static final List<Integer> DILATIONS = List.of(1, 2, 4, 6, 12);

  /// Columns of the sparse baseline: a power of two, so that they divide the block, with as many
  /// query-key pairs as LongNet's pattern has.
  private static int columns(List<Integer> segments, int length) {
    int block = segments.getFirst();
    double wanted = 0;
    for (int i = 0; i < segments.size(); i++) {
      int kept = DILATIONS.get(i);
      wanted += (double) segments.get(i) / (2.0 * kept * kept);
    }
    double earlierBlocks = (length / (double) block - 1) / 2;
    double ideal = (wanted - block / 2.0) / earlierBlocks;
    int best = 1;
    for (int columns = 1; columns <= block; columns *= 2) {
      best = Math.abs(columns - ideal) < Math.abs(best - ideal) ? columns : best;
    }
    return best;
  }

  /// Learns the tokenizer from the documents that are trained on.
  static void prepare(Setting setting, TokenizationListener listener) throws IOException {
    Path file = setting.tokenizer();
    if (setting.scale() != Scale.MACHINE || Files.exists(file)) {
      return;
    }
    listener.message("learning a tokenizer of " + Setting.VOCABULARY + " tokens: " + file);
    CorpusConfig corpus = setting.load(setting.scale().recipe(), List.of()).corpus();
    TokenizerTraining.Result result =
        TokenizerTraining.trainOnTrainingGroups(
            corpus,
            Setting.VOCABULARY,
            TOKENIZER_BYTES,
            Runtime.getRuntime().availableProcessors(),
            listener);
    AtomicFiles.writeString(file, result.json());
  }

  /// What a model is and what its training took.
  static void describe(TrainedModel model, ObjectNode figures) throws IOException {
    RunConfig config = model.config();
    figures.put("parameters", new ModelCost(config.model()).parameters());
    figures.put("trained_length", config.training().window());
    figures.put("training_tokens", Math.round(tokens(config)));
    figures.put("training_flops", trainingFlops(config));
    figures.put("attention_flops_per_token", Math.round(attentionFlops(config)));
    figures.put("forward_flops_per_token", Math.round(forwardFlops(config)));
    Checkpoint.resolve(model.run())
        .state()
        .ifPresent(state -> figures.put("training_seconds", Math.round(state.seconds())));
    Path evaluation = model.run().resolve("evaluation.json");
    if (Files.isRegularFile(evaluation)) {
      JsonNode own = Texts.json(new ObjectMapper(), Files.readAllBytes(evaluation));
      for (String key : List.of("copy_probe", "documents")) {
        if (own.has(key)) {
          figures.set(key, own.get(key));
        }
      }
    }
  }

  /// Operations of measuring a model at some lengths; beyond the trained one blockwise too.
  static double measuringFlops(RunConfig config, List<Integer> lengths) {
    ModelCost cost = new ModelCost(config.model());
    return lengths.stream()
        .mapToDouble(length ->
            cost.forwardFlops(length)
                / length
                * config.evaluation().tokens()
                * (length > config.training().window() ? 2 : 1))
        .sum();
  }

  /// Tokens of a whole training.
  static double tokens(RunConfig config) {
    return new TrainingCost(config.model(), config.training()).tokens();
  }

  /// Operations of a whole training.
  static double trainingFlops(RunConfig config) {
    TrainingCost cost = new TrainingCost(config.model(), config.training());
    return cost.tokens() * cost.flopsPerToken();
  }

  /// Of a token's forward pass in a sequence of the trained length.
  static double forwardFlops(RunConfig config) {
    long length = config.training().window();
    return new ModelCost(config.model()).forwardFlops(length) / length;
  }

  /// The part of [#forwardFlops] that query-key pairs take.
  static double attentionFlops(RunConfig config) {
    return attentionFlops(config, config.training().window());
  }

  /// What query-key pairs take of a token's forward pass in a sequence of some length.
  static double attentionFlops(RunConfig config, long length) {
    ModelConfig model = config.model();
    double sum = 0;
    for (int layer = 0; layer < model.layers(); layer++) {
      sum += model.mixer(layer).mixingFlops(model, length);
    }
    return sum / length;
  }
}
