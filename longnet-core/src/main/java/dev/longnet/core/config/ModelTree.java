// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// A model's configuration as the keys of a recipe's `model` section and of a checkpoint's
/// `config.json`.
public final class ModelTree {
  private ModelTree() {}

  /// @param vocabulary the tokenizer's, where the section itself has none (a recipe)
  public static ModelConfig read(Section model, int vocabulary) {
    ModelConfig config = readAmongOthers(model, vocabulary);
    model.done();
    return config;
  }

  /// As [#read], where other keys may stand beside the model's.
  public static ModelConfig readAmongOthers(Section model, int vocabulary) {
    int words = model.integer("vocabulary", vocabulary, 1);
    int layers = model.requiredInteger("layers", 1);
    if (layers > ModelConfig.MOST_LAYERS) {
      throw model.wrong("layers", "must be at most " + ModelConfig.MOST_LAYERS);
    }
    int hidden = model.requiredInteger("hidden", 1);
    int heads = model.requiredInteger("heads", 1);
    int feedForward =
        model.integer("feed_forward", (int) Math.min(Integer.MAX_VALUE, 4L * hidden), 1);
    Activation activation = model.choice("activation", Activation.GELU, Activation.class);
    PositionEncoding positions =
        model.choice("positions", PositionEncoding.XPOS, PositionEncoding.class);
    int base = model.integer("positions_base", ModelConfig.POSITIONS_BASE, 2);
    double share = model.number("positions_share", 1, 0, 1);
    int nopeHeads = model.integer("nope_heads", 0, 0);
    if (nopeHeads > heads) {
      throw model.wrong("nope_heads", "must be at most model.heads=" + heads);
    }
    int nopeScale = model.integer("nope_scale", 0, 0);
    int scaleBase = model.integer("xpos_scale_base", ModelConfig.XPOS_SCALE_BASE, 1);
    boolean tied = model.flag("tied_output", true);
    boolean causal = model.flag("causal", true);
    int taps = model.integer("short_convolution", 0, 0);
    if (hidden % heads != 0) {
      throw model.wrong("hidden", "must be a multiple of model.heads=" + heads);
    }
    if (!ModelConfig.isTaps(taps)) {
      throw model.wrong("short_convolution", ModelConfig.TAPS_RULE);
    }
    Optional<String> scale = ModelConfig.scaleFault(nopeScale, causal);
    if (scale.isPresent()) {
      throw model.wrong("nope_scale", scale.get());
    }
    if (taps != 0 && !causal) {
      throw model.wrong("short_convolution", "looks back, so it needs model.causal=true");
    }
    List<MixerConfig> mixers = mixers(model, layers, heads, causal);
    int headSize = hidden / heads;
    if (positions != PositionEncoding.NONE
        && mixers.stream().anyMatch(MixerConfig::usesPositions)
        && headSize % 2 == 0
        && !ModelConfig.isShare(share, headSize)) {
      throw model.wrong("positions_share", ModelConfig.shareRule(headSize));
    }
    return new ModelConfig(
        words,
        layers,
        hidden,
        heads,
        feedForward,
        activation,
        positions,
        base,
        share,
        nopeHeads,
        nopeScale,
        scaleBase,
        tied,
        causal,
        taps,
        mixers);
  }

  /// `attention`, one mixer for all layers, or `mixers`, a list that repeats over them.
  private static List<MixerConfig> mixers(Section model, int layers, int heads, boolean causal) {
    if (!model.has("mixers")) {
      return List.of(MixerTree.read(model.section("attention"), layers, heads, causal));
    }
    if (model.has("attention")) {
      throw model.wrong("mixers", "and model.attention exclude each other");
    }
    List<MixerConfig> mixers =
        model.sections("mixers", "type").stream()
            .map(s -> MixerTree.read(s, layers, heads, causal))
            .toList();
    if (mixers.isEmpty() || mixers.size() > layers) {
      throw model.wrong(
          "mixers",
          String.format(Locale.ROOT, "must name from 1 to model.layers=%d mixers", layers));
    }
    return mixers;
  }

  /// The keys in which two models differ: `model.layers=3 is not 2, …`; empty where they are equal.
  public static String difference(ModelConfig model, ModelConfig other) {
    return difference("model", writeAll(model), writeAll(other));
  }

  private static String difference(String path, ObjectNode tree, ObjectNode other) {
    Set<String> keys = new LinkedHashSet<>();
    tree.fieldNames().forEachRemaining(keys::add);
    other.fieldNames().forEachRemaining(keys::add);
    return keys.stream()
        .filter(key -> !Objects.equals(tree.get(key), other.get(key)))
        .map(key ->
            tree.get(key) instanceof ObjectNode one && other.get(key) instanceof ObjectNode two
                ? difference(path + "." + key, one, two)
                : String.format(
                    Locale.ROOT, "%s.%s=%s is not %s", path, key, tree.path(key), other.path(key)))
        .collect(Collectors.joining(", "));
  }

  /// What stands in files beside weights, and in their hashes: every key, but those that came later
  /// only where they say something. So a file is the same, and has the same readers, as before.
  public static ObjectNode write(ModelConfig model) {
    ObjectNode tree = writeAll(model);
    if (model.activation() == Activation.GELU) {
      tree.remove("activation");
    }
    if (model.positionsBase() == ModelConfig.POSITIONS_BASE) {
      tree.remove("positions_base");
    }
    if (model.positionsShare() == 1) {
      tree.remove("positions_share");
    }
    if (model.nopeHeads() == 0) {
      tree.remove("nope_heads");
    }
    if (model.nopeScale() == 0) {
      tree.remove("nope_scale");
    }
    if (model.shortConvolution() == 0) {
      tree.remove("short_convolution");
    }
    return tree;
  }

  /// Every key [#read(Section, int)] knows.
  static ObjectNode writeAll(ModelConfig model) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("vocabulary", model.vocabulary());
    tree.put("layers", model.layers());
    tree.put("hidden", model.hidden());
    tree.put("heads", model.heads());
    tree.put("feed_forward", model.feedForward());
    tree.put("activation", model.activation().toString());
    tree.put("positions", model.positions().name().toLowerCase(Locale.ROOT));
    tree.put("positions_base", model.positionsBase());
    tree.put("positions_share", model.positionsShare());
    tree.put("nope_heads", model.nopeHeads());
    tree.put("nope_scale", model.nopeScale());
    tree.put("xpos_scale_base", model.xposScaleBase());
    tree.put("tied_output", model.tiedOutput());
    tree.put("causal", model.causal());
    tree.put("short_convolution", model.shortConvolution());
    if (model.mixers().size() == 1) {
      model.mixers().getFirst().write(tree.putObject("attention"));
    } else {
      ArrayNode mixers = tree.putArray("mixers");
      model.mixers().forEach(mixer -> mixer.write(mixers.addObject()));
    }
    return tree;
  }
}
