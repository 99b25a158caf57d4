package dev.longnet.lm.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/// A model's configuration as the keys of a recipe's `model` section and of a checkpoint's
/// `config.json`.
public final class ModelTree {
  private static final String ZERO_PADDED_KEYS = "torchscale_zero_padded_keys";

  private ModelTree() {}

  private enum AttentionType {
    DILATED,
    DENSE,
    SPARSE
  }

  private enum Offsets {
    INTERLEAVED,
    BLOCKED
  }

  /// @param vocabulary the tokenizer's, where the section itself has none (a recipe)
  public static ModelConfig read(Section model, int vocabulary) {
    int words = model.integer("vocabulary", vocabulary, 1);
    int layers = model.requiredInteger("layers", 1);
    int hidden = model.requiredInteger("hidden", 1);
    int heads = model.requiredInteger("heads", 1);
    int feedForward = model.integer("feed_forward", Math.multiplyExact(4, hidden), 1);
    PositionEncoding positions =
        model.choice("positions", PositionEncoding.XPOS, PositionEncoding.class);
    int scaleBase = model.integer("xpos_scale_base", ModelConfig.XPOS_SCALE_BASE, 1);
    boolean tied = model.flag("tied_output", true);
    boolean causal = model.flag("causal", true);
    if (hidden % heads != 0) {
      throw model.wrong("hidden", "must be a multiple of model.heads=" + heads);
    }
    Section attentionSection = model.section("attention");
    AttentionConfig attention = attention(attentionSection);
    if (causal
        && attention instanceof AttentionConfig.Dilated dilated
        && dilated.zeroPaddedKeys()) {
      throw attentionSection.wrong(ZERO_PADDED_KEYS, "is for encoders: model.causal must be false");
    }
    attentionSection.done();
    model.done();
    return new ModelConfig(
        words, layers, hidden, heads, feedForward, positions, scaleBase, tied, causal, attention);
  }

  private static AttentionConfig attention(Section s) {
    s.require("type");
    AttentionType type = s.choice("type", AttentionType.DILATED, AttentionType.class);
    boolean branches =
        s.has("segment_lengths")
            | s.has("dilations")
            | s.has("head_offsets")
            | s.has(ZERO_PADDED_KEYS);
    boolean blocks = s.has("block_length") | s.has("columns");
    return switch (type) {
      case DENSE -> {
        if (branches || blocks) {
          throw s.wrong(
              "type",
              "dense takes no further keys (segment_lengths, dilations, block_length, columns)");
        }
        yield new AttentionConfig.Dense();
      }
      case SPARSE -> {
        if (branches) {
          throw s.wrong(
              "type", "sparse takes block_length and columns, not segment_lengths or dilations");
        }
        s.require("block_length");
        s.require("columns");
        long block = s.wholeNumber("block_length", 1, 1);
        long columns = s.wholeNumber("columns", 1, 1);
        if (columns > block) {
          throw s.wrong("columns", "must be at most block_length=" + block);
        }
        if (block % columns != 0 && columns > SparseAttentionSpec.MOST_UNEVEN_COLUMNS) {
          throw s.wrong(
              "columns",
              "must divide block_length=%d, or be at most %d"
                  .formatted(block, SparseAttentionSpec.MOST_UNEVEN_COLUMNS));
        }
        yield new AttentionConfig.Sparse(block, columns);
      }
      case DILATED -> {
        if (blocks) {
          throw s.wrong(
              "type", "dilated takes segment_lengths and dilations, not block_length or columns");
        }
        List<Long> lengths = s.wholeNumbers("segment_lengths", List.of(), 1);
        List<Long> dilations = s.wholeNumbers("dilations", List.of(), 1);
        if (lengths.isEmpty()) {
          throw s.wrong("segment_lengths", "must name at least one segment length");
        }
        if (lengths.size() != dilations.size()) {
          throw s.wrong("dilations", "must be as many as segment_lengths=" + lengths);
        }
        List<Branch> all = new ArrayList<>();
        for (int i = 0; i < lengths.size(); i++) {
          all.add(new Branch(lengths.get(i), dilations.get(i)));
        }
        yield new AttentionConfig.Dilated(
            all,
            s.choice("head_offsets", Offsets.INTERLEAVED, Offsets.class) == Offsets.BLOCKED,
            s.flag(ZERO_PADDED_KEYS, false));
      }
    };
  }

  /// The keys in which two models differ: `model.layers=3 is not 2, …`; empty where they are equal.
  public static String difference(ModelConfig model, ModelConfig other) {
    return difference("model", write(model), write(other));
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
                : "%s.%s=%s is not %s".formatted(path, key, tree.path(key), other.path(key)))
        .collect(Collectors.joining(", "));
  }

  /// Every key [#read(Section, int)] knows.
  public static ObjectNode write(ModelConfig model) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("vocabulary", model.vocabulary());
    tree.put("layers", model.layers());
    tree.put("hidden", model.hidden());
    tree.put("heads", model.heads());
    tree.put("feed_forward", model.feedForward());
    tree.put("positions", model.positions().name().toLowerCase(Locale.ROOT));
    tree.put("xpos_scale_base", model.xposScaleBase());
    tree.put("tied_output", model.tiedOutput());
    tree.put("causal", model.causal());
    ObjectNode attention = tree.putObject("attention");
    switch (model.attention()) {
      case AttentionConfig.Dense dense -> attention.put("type", "dense");
      case AttentionConfig.Sparse sparse -> {
        attention.put("type", "sparse");
        attention.put("block_length", sparse.blockLength());
        attention.put("columns", sparse.columns());
      }
      case AttentionConfig.Dilated dilated -> {
        attention.put("type", "dilated");
        ArrayNode lengths = attention.putArray("segment_lengths");
        ArrayNode dilations = attention.putArray("dilations");
        for (Branch branch : dilated.branches()) {
          lengths.add(branch.segmentLength());
          dilations.add(branch.dilation());
        }
        attention.put("head_offsets", dilated.blockedOffsets() ? "blocked" : "interleaved");
        if (dilated.zeroPaddedKeys()) {
          attention.put(ZERO_PADDED_KEYS, true);
        }
      }
    }
    return tree;
  }
}
