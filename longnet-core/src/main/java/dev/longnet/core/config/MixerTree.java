// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A mixer as the keys of a section: `type`, and the keys of that type.
final class MixerTree {
  static final String ZERO_PADDED_KEYS = "torchscale_zero_padded_keys";

  private MixerTree() {}

  enum Type {
    DILATED,
    DENSE,
    SPARSE
  }

  /// @param causal of the model
  static MixerConfig read(Section s, boolean causal) {
    s.require("type");
    Type type = s.choice("type", Type.DILATED, Type.class);
    boolean branches =
        s.has("segment_lengths")
            | s.has("dilations")
            | s.has("head_offsets")
            | s.has(ZERO_PADDED_KEYS);
    boolean blocks = s.has("block_length") | s.has("columns");
    MixerConfig mixer =
        switch (type) {
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
                  "type",
                  "sparse takes block_length and columns, not segment_lengths or dilations");
            }
            yield sparse(s);
          }
          case DILATED -> {
            if (blocks) {
              throw s.wrong(
                  "type",
                  "dilated takes segment_lengths and dilations, not block_length or columns");
            }
            yield dilated(s, causal);
          }
        };
    s.done();
    return mixer;
  }

  private static MixerConfig sparse(Section s) {
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
          String.format(
              Locale.ROOT,
              "must divide block_length=%d, or be at most %d",
              block,
              SparseAttentionSpec.MOST_UNEVEN_COLUMNS));
    }
    return new AttentionConfig.Sparse(block, columns);
  }

  private static MixerConfig dilated(Section s, boolean causal) {
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
    boolean padded = s.flag(ZERO_PADDED_KEYS, false);
    if (causal && padded) {
      throw s.wrong(ZERO_PADDED_KEYS, "is for encoders: model.causal must be false");
    }
    HeadOffsets offsets = s.choice("head_offsets", HeadOffsets.INTERLEAVED, HeadOffsets.class);
    return new AttentionConfig.Dilated(all, offsets, padded);
  }
}
