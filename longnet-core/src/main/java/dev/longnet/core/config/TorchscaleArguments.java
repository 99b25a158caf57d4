// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// torchscale's keyword arguments, read by name and checked: a message names the argument, the
/// rule, the value and where it stands.
final class TorchscaleArguments {
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

  /// Arguments of which one value is supported.
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
          Map.entry("no_token_positional_embeddings", "true"), // of the fairseq recipe alone
          Map.entry("encoder_normalize_before", "true"),
          Map.entry("decoder_normalize_before", "true"),
          Map.entry("share_all_embeddings", "false"),
          Map.entry("layernorm_eps", "1e-05"));

  private final ObjectNode node;
  private final String source;

  TorchscaleArguments(ObjectNode node, String source) {
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

  /// What torchscale takes of fairseq's settings: those of its own names that have a value.
  static ObjectNode ofFairseq(ObjectNode settings) {
    Set<String> names = known("decoder", known("encoder", Set.of()));
    ObjectNode arguments = JsonNodeFactory.instance.objectNode();
    settings.properties().stream()
        .filter(e -> names.contains(e.getKey()) && !e.getValue().isNull())
        .forEach(e -> arguments.set(e.getKey(), e.getValue()));
    return arguments;
  }

  private static Set<String> known(String side, Set<String> further) {
    return Stream.of(
            WITHOUT_EFFECT,
            ONLY.keySet(),
            further,
            Set.of(
                side + "_layers",
                side + "_embed_dim",
                side + "_attention_heads",
                side + "_ffn_embed_dim",
                "share_" + side + "_input_output_embed",
                "activation_fn",
                "vocab_size",
                "xpos_rel_pos",
                "xpos_scale_base",
                "segment_length",
                "dilated_ratio",
                "normalize_output",
                "no_output_layer"))
        .flatMap(Set::stream)
        .collect(Collectors.toSet());
  }

  void check(String side, Set<String> further) {
    Set<String> known = known(side, further);
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

  Activation activation() {
    String name = node.path("activation_fn").asText("gelu");
    return Arrays.stream(Activation.values())
        .filter(activation -> !has("activation_fn") || activation.toString().equals(name))
        .findFirst()
        .orElseThrow(
            () -> wrong("activation_fn", "must be one of " + Arrays.toString(Activation.values())));
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
        String.format(
            Locale.ROOT,
            "torchscale argument %s %s: %s=%s (%s)",
            key,
            rule,
            key,
            shown.length() > 80 ? shown.substring(0, 77) + "..." : shown,
            source));
  }
}
