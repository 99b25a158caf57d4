package dev.longnet.core.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// The keyword arguments of torchscale's `DecoderConfig` and `EncoderConfig` as our configurations,
/// and back. Arguments that change what a model computes and that we do not compute are refused by
/// name, never ignored.
public final class TorchscaleConfig {
  /// Training and distribution only: they change nothing a trained model computes.
  private static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "dropout",
          "drop_path_rate",
          "attention_dropout",
          "activation_dropout",
          "bert_init",
          "checkpoint_activations",
          "fsdp",
          "ddp_rank",
          "seq_parallel",
          "flash_attention",
          "block_shift",
          "max_source_positions",
          "max_target_positions",
          "img_size",
          "patch_size",
          "in_chans",
          "moe_top1_expert",
          "moe_expert_count",
          "moe_gating_use_fp32",
          "moe_eval_capacity_token_fraction",
          "moe_second_expert_policy",
          "moe_normalize_gate_prob_before_dropping");

  /// Of Prov-GigaPath's and LongViT's wrappers around the encoder.
  private static final Set<String> AROUND_ENCODER =
      Set.of("slide_ngrids", "tile_size", "input_positions", "norm_eps");

  private static final Map<String, String> ONLY =
      Map.ofEntries(
          Map.entry("moe_freq", "0"),
          Map.entry("use_xmoe", "false"),
          Map.entry("rel_pos_buckets", "0"),
          Map.entry("max_rel_pos", "0"),
          Map.entry("deepnorm", "false"),
          Map.entry("subln", "true"),
          Map.entry("multiway", "false"),
          Map.entry("layernorm_embedding", "false"),
          Map.entry("no_scale_embedding", "true"),
          Map.entry("encoder_normalize_before", "true"),
          Map.entry("decoder_normalize_before", "true"),
          Map.entry("share_all_embeddings", "false"),
          Map.entry("layernorm_eps", "1e-05"),
          Map.entry("activation_fn", "gelu"));

  static final long DENSE = 1L << 40;

  private TorchscaleConfig() {}

  /// What the tensors around an encoder of embeddings say about it.
  ///
  /// @param inputWidth columns of `patch_embed.proj`, if there is one
  /// @param classToken whether there is a `cls_token`
  /// @param learnedPositions rows of `pos_embed`, if there is one
  /// @param pooledNorm the name of the norm after pooling: `norm`, `fc_norm`
  /// @param classes rows of `head`
  public record Surroundings(
      Optional<Integer> inputWidth,
      boolean classToken,
      Optional<Integer> learnedPositions,
      Optional<String> pooledNorm,
      Optional<Integer> classes) {}

  /// A decoder, or an encoder with a vocabulary.
  ///
  /// @param source names the configuration in messages
  /// @throws IllegalArgumentException names the argument that is missing, wrong or not supported
  public static ModelConfig model(ObjectNode arguments, String source) {
    Reader r = new Reader(arguments, source);
    String side = r.side();
    r.check(side, Set.of());
    if (!r.flag("normalize_output", true) || r.flag("no_output_layer", false)) {
      throw r.wrong(
          r.flag("normalize_output", true) ? "no_output_layer" : "normalize_output",
          "is supported in encoders of embeddings only (files without embed_tokens.weight)");
    }
    List<Long> dilations = r.dilations();
    List<Long> lengths = dilations.isEmpty() ? List.of() : r.fixedLengths();
    AttentionConfig attention = new AttentionConfig.Dense();
    if (!dilations.isEmpty()) {
      if (lengths.size() != dilations.size()) {
        throw r.wrong(
            "dilated_ratio",
            "must name as many ratios as segment_length has lengths (" + lengths.size() + ")");
      }
      List<Branch> branches = new ArrayList<>();
      for (int i = 0; i < lengths.size(); i++) {
        branches.add(new Branch(lengths.get(i), dilations.get(i)));
      }
      attention = new AttentionConfig.Dilated(branches, HeadOffsets.BLOCKED);
    }
    return new ModelConfig(
        r.whole("vocab_size", -1, 1),
        r.whole(side + "_layers", 12, 1),
        r.whole(side + "_embed_dim", 768, 1),
        r.whole(side + "_attention_heads", 12, 1),
        r.whole(side + "_ffn_embed_dim", 3072, 1),
        r.flag("xpos_rel_pos", false) ? PositionEncoding.XPOS : PositionEncoding.NONE,
        r.whole("xpos_scale_base", 512, 1),
        r.flag("share_" + side + "_input_output_embed", false),
        side.equals("decoder"),
        List.of(attention));
  }

  /// An encoder of embeddings.
  public static EncoderConfig encoder(ObjectNode arguments, String source, Surroundings around) {
    Reader r = new Reader(arguments, source);
    if (!r.side().equals("encoder")) {
      throw new IllegalArgumentException(
          "a decoder needs the tensor embed_tokens.weight: " + source);
    }
    r.check("encoder", AROUND_ENCODER);
    if (r.flag("xpos_rel_pos", false)) {
      throw r.wrong("xpos_rel_pos", "is supported with token embeddings only");
    }
    List<Long> dilations = r.dilations();
    SegmentLengths lengths =
        dilations.isEmpty()
            ? new SegmentLengths.Fixed(List.of(DENSE))
            : r.lengths(dilations.size());
    EncoderConfig.InputPositions positions =
        around
            .learnedPositions()
            .<EncoderConfig.InputPositions>map(EncoderConfig.InputPositions.Learned::new)
            .orElse(
                around.classToken()
                    ? new EncoderConfig.InputPositions.Grid(
                        r.whole("slide_ngrids", 1000, 1), r.whole("tile_size", 256, 1))
                    : new EncoderConfig.InputPositions.None());
    if (r.has("input_positions")) {
      if (!arguments.path("input_positions").asText().equals("none")) {
        throw r.wrong("input_positions", "must be none, or absent to take what the tensors say");
      }
      positions = new EncoderConfig.InputPositions.None();
    }
    // Prov-GigaPath builds its `norm` with 1e-6, LongViT its `fc_norm` with PyTorch's default.
    double epsilon = around.pooledNorm().filter("norm"::equals).isPresent() ? 1e-6 : 1e-5;
    return new EncoderConfig(
        r.whole("encoder_layers", 12, 1),
        r.whole("encoder_embed_dim", 768, 1),
        r.whole("encoder_attention_heads", 12, 1),
        r.whole("encoder_ffn_embed_dim", 3072, 1),
        r.flag("normalize_output", true),
        lengths,
        dilations.isEmpty() ? List.of(1L) : dilations,
        HeadOffsets.BLOCKED,
        false,
        around.inputWidth(),
        around.classToken(),
        positions,
        around.pooledNorm().map(_ -> r.positive("norm_eps", epsilon)),
        around.classes());
  }

  /// The keyword arguments that make torchscale compute what `model` computes.
  ///
  /// @throws IllegalArgumentException where torchscale has no such model; the message says what
  ///   stands in the way
  public static ObjectNode write(ModelConfig model) {
    String side = model.causal() ? "decoder" : "encoder";
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put(side + "_embed_dim", model.hidden());
    tree.put(side + "_attention_heads", model.heads());
    tree.put(side + "_ffn_embed_dim", model.feedForward());
    tree.put(side + "_layers", model.layers());
    tree.put("vocab_size", model.vocabulary());
    tree.put(
        "xpos_rel_pos",
        switch (model.positions()) {
          case XPOS -> true;
          case NONE -> false;
          case ROPE ->
              throw new IllegalArgumentException(
                  "torchscale has no positions=rope: export to safetensors");
        });
    tree.put("xpos_scale_base", model.xposScaleBase());
    tree.put("subln", true);
    tree.put("flash_attention", true);
    List<Branch> branches = branches(model);
    tree.put("segment_length", branches.stream().map(Branch::segmentLength).toList().toString());
    tree.put("dilated_ratio", branches.stream().map(Branch::dilation).toList().toString());
    tree.put("activation_fn", "gelu");
    tree.put("dropout", 0.0);
    tree.put("share_" + side + "_input_output_embed", model.tiedOutput());
    return tree;
  }

  private static List<Branch> branches(ModelConfig model) {
    if (model.mixers().size() == 1 && model.mixer(0) instanceof AttentionConfig attention) {
      return attention.torchscaleBranches(model.heads());
    }
    throw new IllegalArgumentException(
        "torchscale has one attention for all layers, this model has %s: export to safetensors"
            .formatted(model.mixers().stream().map(MixerConfig::type).toList()));
  }

  private static final class Reader {
    private final ObjectNode node;
    private final String source;

    Reader(ObjectNode node, String source) {
      this.node = node;
      this.source = source;
    }

    boolean has(String key) {
      return node.hasNonNull(key);
    }

    String side() {
      boolean encoder = any("encoder_");
      boolean decoder = any("decoder_");
      if (encoder == decoder) {
        throw new IllegalArgumentException(
            (encoder
                    ? "encoder-decoder models are not supported: encoder_* and decoder_* arguments together"
                    : "neither encoder_* nor decoder_* arguments (encoder_embed_dim, decoder_embed_dim, …)")
                + " ("
                + source
                + ")");
      }
      return encoder ? "encoder" : "decoder";
    }

    private boolean any(String prefix) {
      return node.properties().stream().anyMatch(e -> e.getKey().startsWith(prefix));
    }

    void check(String side, Set<String> further) {
      Set<String> known =
          java.util.stream.Stream.of(
                  WITHOUT_EFFECT,
                  ONLY.keySet(),
                  further,
                  Set.of(
                      side + "_layers",
                      side + "_embed_dim",
                      side + "_attention_heads",
                      side + "_ffn_embed_dim",
                      "share_" + side + "_input_output_embed",
                      "vocab_size",
                      "xpos_rel_pos",
                      "xpos_scale_base",
                      "segment_length",
                      "dilated_ratio",
                      "normalize_output",
                      "no_output_layer"))
              .flatMap(Set::stream)
              .collect(Collectors.toSet());
      for (Map.Entry<String, JsonNode> e : node.properties()) {
        if (!known.contains(e.getKey())) {
          throw new IllegalArgumentException(
              "unknown torchscale argument "
                  + e.getKey()
                  + Nearest.suggestion(e.getKey(), known, s -> s)
                  + " ("
                  + source
                  + ")");
        }
        String only = ONLY.get(e.getKey());
        if (only != null && !e.getValue().isNull() && !same(e.getValue(), only)) {
          throw wrong(e.getKey(), "is not supported, only " + only);
        }
      }
    }

    private static boolean same(JsonNode value, String only) {
      return value.isNumber()
          ? !Character.isLetter(only.charAt(0)) && value.asDouble() == Double.parseDouble(only)
          : value.asText().equals(only);
    }

    int whole(String key, int fallback, int least) {
      JsonNode value = node.path(key);
      int number = has(key) ? value.asInt() : fallback;
      if (has(key) && (!value.isIntegralNumber() || !value.canConvertToInt()) || number < least) {
        throw wrong(key, "must be a whole number of at least " + least);
      }
      return number;
    }

    double positive(String key, double fallback) {
      if (has(key) && !(node.get(key).isNumber() && node.get(key).asDouble() > 0)) {
        throw wrong(key, "must be a positive number");
      }
      return has(key) ? node.get(key).asDouble() : fallback;
    }

    boolean flag(String key, boolean fallback) {
      if (has(key) && !node.get(key).isBoolean()) {
        throw wrong(key, "must be true or false");
      }
      return has(key) ? node.get(key).booleanValue() : fallback;
    }

    /// Empty for torchscale's dense models, which have neither argument.
    List<Long> dilations() {
      if (!has("dilated_ratio") || node.get("dilated_ratio").asText("-").isEmpty()) {
        if (has("segment_length") && !node.get("segment_length").asText("-").isEmpty()) {
          throw wrong("dilated_ratio", "must be there where segment_length is");
        }
        return List.of();
      }
      return numbers("dilated_ratio", node.get("dilated_ratio"));
    }

    List<Long> fixedLengths() {
      if (!has("segment_length")) {
        throw wrong("segment_length", "must be there where dilated_ratio is");
      }
      return numbers("segment_length", node.get("segment_length"));
    }

    SegmentLengths lengths(int branches) {
      if (!(node.path("segment_length") instanceof ObjectNode rules)) {
        return new SegmentLengths.Fixed(fixedLengths());
      }
      if (rules.has("geometric")) {
        if (rules.size() != 1 || !rules.get("geometric").isIntegralNumber()) {
          throw wrong(
              "segment_length", "must be {\"geometric\": FIRST} or a table of numbers of tokens");
        }
        return new SegmentLengths.Geometric(rules.get("geometric").asLong(), branches);
      }
      NavigableMap<Long, List<Long>> table = new TreeMap<>();
      for (Map.Entry<String, JsonNode> e : rules.properties()) {
        if (!e.getKey().matches("[0-9]{1,18}")) {
          throw wrong("segment_length", "must have numbers of tokens as keys");
        }
        table.put(Long.valueOf(e.getKey()), numbers("segment_length", e.getValue()));
      }
      return new SegmentLengths.ByTokens(table);
    }

    /// A list, or the text of one, which is how torchscale takes it.
    private List<Long> numbers(String key, JsonNode value) {
      List<Long> numbers = new ArrayList<>();
      if (value instanceof ArrayNode array) {
        for (JsonNode n : array) {
          if (!n.isIntegralNumber() || !n.canConvertToLong() || n.asLong() < 1) {
            throw wrong(key, "must be a list of positive whole numbers");
          }
          numbers.add(n.asLong());
        }
      } else {
        if (!value.isTextual()
            || !value
                .asText()
                .matches("\\s*[\\[(]\\s*[0-9]{1,18}(\\s*,\\s*[0-9]{1,18})*\\s*,?\\s*[\\])]\\s*")) {
          throw wrong(key, "must be a list of positive whole numbers, as \"[1, 2, 4]\"");
        }
        for (String part : value.asText().replaceAll("[\\[\\]()]", "").split(",")) {
          if (!part.isBlank()) {
            long number = Long.parseLong(part.strip());
            if (number < 1) {
              throw wrong(key, "must be a list of positive whole numbers");
            }
            numbers.add(number);
          }
        }
      }
      if (numbers.isEmpty()) {
        throw wrong(key, "must not be empty");
      }
      return numbers;
    }

    IllegalArgumentException wrong(String key, String rule) {
      JsonNode value = node.get(key);
      String shown = value == null ? "nothing" : value.toString();
      return new IllegalArgumentException(
          "torchscale argument %s %s: %s=%s (%s)"
              .formatted(
                  key,
                  rule,
                  key,
                  shown.length() > 80 ? shown.substring(0, 77) + "..." : shown,
                  source));
    }
  }
}
