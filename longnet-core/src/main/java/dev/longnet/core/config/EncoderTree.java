// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/// An encoder's configuration as the keys of its `config.json`.
public final class EncoderTree {
  private EncoderTree() {}

  public static EncoderConfig read(Section s) {
    Section attention = s.section("attention");
    HeadOffsets offsets =
        attention.flag("blocked_offsets", false) ? HeadOffsets.BLOCKED : HeadOffsets.INTERLEAVED;
    boolean zeros = attention.flag(MixerTree.ZERO_PADDED_KEYS, false);
    List<Long> dilations = attention.wholeNumbers("dilations", List.of(), 1);
    SegmentLengths lengths = lengths(attention, dilations.size());
    attention.done();
    Section input = s.section("input");
    Optional<Integer> width =
        input.has("width") ? Optional.of(input.integer("width", 1, 1)) : Optional.empty();
    boolean classToken = input.flag("class_token", false);
    EncoderConfig.InputPositions positions = positions(input);
    input.done();
    Section pooled = s.section("pooled");
    Optional<Double> epsilon =
        pooled.has("norm_epsilon")
            ? Optional.of(pooled.number("norm_epsilon", 1e-5, 0, 1))
            : Optional.empty();
    Optional<Integer> classes =
        pooled.has("classes") ? Optional.of(pooled.integer("classes", 1, 1)) : Optional.empty();
    pooled.done();
    EncoderConfig config =
        new EncoderConfig(
            s.requiredInteger("layers", 1),
            s.requiredInteger("hidden", 1),
            s.requiredInteger("heads", 1),
            s.requiredInteger("feed_forward", 1),
            s.choice("activation", Activation.GELU, Activation.class),
            s.flag("output_norm", true),
            lengths,
            dilations,
            offsets,
            zeros,
            width,
            classToken,
            positions,
            epsilon,
            classes);
    s.done();
    return config;
  }

  private static SegmentLengths lengths(Section s, int branches) {
    if (s.has("geometric_from")) {
      return new SegmentLengths.Geometric(s.wholeNumber("geometric_from", 1, 1), branches);
    }
    if (s.has("segment_lengths_by_tokens")) {
      NavigableMap<Long, List<Long>> table = new TreeMap<>();
      for (Section entry : s.sections("segment_lengths_by_tokens", "up_to")) {
        table.put(
            entry.wholeNumber("up_to", 1, 1), entry.wholeNumbers("segment_lengths", List.of(), 1));
        entry.done();
      }
      return new SegmentLengths.ByTokens(table);
    }
    s.require("segment_lengths");
    return new SegmentLengths.Fixed(s.wholeNumbers("segment_lengths", List.of(), 1));
  }

  private static EncoderConfig.InputPositions positions(Section s) {
    if (s.has("learned_positions")) {
      return new EncoderConfig.InputPositions.Learned(s.integer("learned_positions", 1, 1));
    }
    return s.has("grid_cells")
        ? new EncoderConfig.InputPositions.Grid(
            s.integer("grid_cells", 1, 1), s.integer("tile_size", 256, 1))
        : new EncoderConfig.InputPositions.None();
  }

  /// Every key [#read(Section)] knows.
  public static ObjectNode write(EncoderConfig config) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("layers", config.layers());
    tree.put("hidden", config.hidden());
    tree.put("heads", config.heads());
    tree.put("feed_forward", config.feedForward());
    tree.put("activation", config.activation().toString());
    tree.put("output_norm", config.outputNorm());
    ObjectNode attention = tree.putObject("attention");
    switch (config.segmentLengths()) {
      case SegmentLengths.Fixed fixed ->
          fill(attention.putArray("segment_lengths"), fixed.lengths());
      case SegmentLengths.Geometric geometric -> attention.put("geometric_from", geometric.first());
      case SegmentLengths.ByTokens byTokens -> {
        ArrayNode table = attention.putArray("segment_lengths_by_tokens");
        byTokens
            .table()
            .forEach((upTo, lengths) ->
                fill(table.addObject().put("up_to", upTo).putArray("segment_lengths"), lengths));
      }
    }
    fill(attention.putArray("dilations"), config.dilations());
    attention.put("blocked_offsets", config.headOffsets() == HeadOffsets.BLOCKED);
    if (config.zeroPaddedKeys()) {
      attention.put(MixerTree.ZERO_PADDED_KEYS, true);
    }
    ObjectNode input = tree.putObject("input");
    config.inputWidth().ifPresent(width -> input.put("width", width));
    input.put("class_token", config.classToken());
    switch (config.positions()) {
      case EncoderConfig.InputPositions.None _ -> {}
      case EncoderConfig.InputPositions.Learned learned ->
          input.put("learned_positions", learned.tokens());
      case EncoderConfig.InputPositions.Grid grid ->
          input.put("grid_cells", grid.cells()).put("tile_size", grid.tileSize());
    }
    ObjectNode pooled = tree.putObject("pooled");
    config.pooledNormEpsilon().ifPresent(epsilon -> pooled.put("norm_epsilon", epsilon));
    config.classes().ifPresent(classes -> pooled.put("classes", classes));
    return tree;
  }

  private static void fill(ArrayNode array, List<Long> numbers) {
    numbers.forEach(n -> array.add(n.longValue()));
  }
}
