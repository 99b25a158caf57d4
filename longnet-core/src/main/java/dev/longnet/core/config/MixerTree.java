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

  /// @param layers of the model, as `heads` and `causal`
  static MixerConfig read(Section s, int layers, int heads, boolean causal) {
    s.require("type");
    Type type = s.choice("type", Type.DILATED, Type.class);
    boolean branches =
        s.has("segment_lengths")
            | s.has("dilations")
            | s.has("branches")
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
            yield s.has("branches") ? branched(s, layers, heads, causal) : dilated(s, causal);
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

  private static MixerConfig branched(Section s, int layers, int heads, boolean causal) {
    if (s.has("segment_lengths") | s.has("dilations") | s.has(ZERO_PADDED_KEYS)) {
      throw s.wrong(
          "branches",
          "takes the place of segment_lengths and dilations, and has no " + ZERO_PADDED_KEYS);
    }
    List<BranchedAttention.Placed> all = new ArrayList<>();
    for (Section one : s.sections("branches")) {
      all.add(placed(one, all.size(), causal));
    }
    if (all.isEmpty()) {
      throw s.wrong("branches", "must name at least one branch");
    }
    HeadOffsets offsets = s.choice("head_offsets", HeadOffsets.INTERLEAVED, HeadOffsets.class);
    BranchedAttention attention = new BranchedAttention(all, offsets);
    for (String fault : attention.faults(layers, heads, all.size())) {
      throw s.wrong("branches", fault);
    }
    return attention;
  }

  private static BranchedAttention.Placed placed(Section s, int number, boolean causal) {
    s.require("segment_length");
    long length = s.wholeNumber("segment_length", 1, 1);
    long dilation = s.wholeNumber("dilation", 1, 1);
    Branch.Window window = s.choice("window", Branch.Window.SEGMENT, Branch.Window.class);
    if (window != Branch.Window.SEGMENT && !causal) {
      throw s.wrong("window", "must be segment where model.causal is false");
    }
    Branch.Dilate dilate = s.choice("dilate", Branch.Dilate.BOTH, Branch.Dilate.class);
    long shift = s.wholeNumber("shift", 0, 0);
    if (shift >= length) {
      throw s.wrong("shift", "must be below segment_length=" + length);
    }
    List<Integer> heads = rising(s, "heads");
    List<Integer> layers = rising(s, "layers");
    s.done();
    return new BranchedAttention.Placed(
        new Branch(length, dilation, window, dilate, heads, shift), layers, number);
  }

  private static List<Integer> rising(Section s, String key) {
    List<Long> numbers = s.wholeNumbers(key, List.of(), 0);
    for (int i = 0; i < numbers.size(); i++) {
      if (i > 0 && numbers.get(i) <= numbers.get(i - 1) || numbers.get(i) > Integer.MAX_VALUE) {
        throw s.wrong(key, "must rise from 0 on");
      }
    }
    return numbers.stream().map(Long::intValue).toList();
  }
}
