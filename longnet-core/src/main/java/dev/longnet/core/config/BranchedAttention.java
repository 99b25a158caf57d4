// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;

/// Dilated attention whose branches the recipe lists one by one: they may slide, see two segments,
/// thin out keys alone, begin earlier, and stand on some heads and some layers.
///
/// @param all the branches, in the order in which they may join
public record BranchedAttention(List<Placed> all, HeadOffsets headOffsets)
    implements AttentionConfig {

  /// A branch and where it stands.
  ///
  /// @param layers rising; empty: all
  /// @param number its place in the recipe's list
  public record Placed(Branch branch, List<Integer> layers, int number) {
    public Placed {
      layers = List.copyOf(layers);
      for (int i = 0; i < layers.size(); i++) {
        if (layers.get(i) < (i == 0 ? 0 : layers.get(i - 1) + 1)) {
          throw new IllegalArgumentException("layers must rise from 0 on: layers=" + layers);
        }
      }
    }

    boolean standsOn(int layer) {
      return layers.isEmpty() || layers.contains(layer);
    }
  }

  public BranchedAttention {
    all = List.copyOf(all);
    if (all.isEmpty()) {
      throw new IllegalArgumentException("attention needs at least one branch: branches=[]");
    }
  }

  @Override
  public String type() {
    return "dilated";
  }

  @Override
  public BranchedAttention at(int layer) {
    return new BranchedAttention(
        all.stream().filter(placed -> placed.standsOn(layer)).toList(), headOffsets);
  }

  @Override
  public void write(ObjectNode section) {
    section.put("type", type());
    ArrayNode list = section.putArray("branches");
    for (Placed placed : all) {
      Branch branch = placed.branch;
      ObjectNode one = list.addObject();
      one.put("segment_length", branch.segmentLength());
      one.put("dilation", branch.dilation());
      one.put("window", branch.window().name().toLowerCase(Locale.ROOT));
      one.put("dilate", branch.dilate().name().toLowerCase(Locale.ROOT));
      one.put("shift", branch.shift());
      branch.heads().forEach(one.putArray("heads")::add);
      placed.layers.forEach(one.putArray("layers")::add);
    }
    section.put("head_offsets", headOffsets.name().toLowerCase(Locale.ROOT));
  }

  @Override
  public DilatedAttentionSpec pattern(boolean causal) {
    return new DilatedAttentionSpec(all.stream().map(Placed::branch).toList(), causal, headOffsets);
  }

  /// Where branches do not see beyond their segments, as for the paper's.
  @Override
  public OptionalLong period() {
    long largest = longestSegment().orElseThrow();
    boolean closed = pattern(true).period().isPresent();
    boolean nested = all.stream().allMatch(p -> largest % p.branch.segmentLength() == 0);
    return closed && nested ? OptionalLong.of(largest) : OptionalLong.empty();
  }

  @Override
  public int largestDilation() {
    return (int)
        Math.min(
            all.stream().mapToLong(placed -> placed.branch.dilation()).max().orElseThrow(),
            Integer.MAX_VALUE);
  }

  @Override
  public OptionalLong longestSegment() {
    return all.stream().mapToLong(placed -> placed.branch.segmentLength()).max();
  }

  @Override
  public int branches() {
    return all.stream().mapToInt(Placed::number).max().orElseThrow() + 1;
  }

  @Override
  public BranchedAttention withBranches(int first) {
    return new BranchedAttention(
        all.stream().filter(placed -> placed.number < first).toList(), headOffsets);
  }

  @Override
  public List<String> faults(int layers, int heads, int joined) {
    List<String> faults = new ArrayList<>();
    for (Placed placed : all) {
      List<Integer> own = placed.branch.heads();
      if (!own.isEmpty() && own.getLast() >= heads) {
        faults.add("names head " + own.getLast() + ", and heads are 0 to " + (heads - 1));
      }
      if (!placed.layers.isEmpty() && placed.layers.getLast() >= layers) {
        faults.add(
            "names layer " + placed.layers.getLast() + ", and layers are 0 to " + (layers - 1));
      }
    }
    for (int layer = 0; layer < layers; layer++) {
      for (int head = 0; head < heads; head++) {
        int l = layer;
        int h = head;
        boolean covered =
            all.stream()
                .anyMatch(p ->
                    p.number < joined
                        && p.standsOn(l)
                        && (p.branch.heads().isEmpty() || p.branch.heads().contains(h)));
        if (!covered) {
          faults.add("leaves head " + head + " of layer " + layer + " without a branch");
          return faults;
        }
      }
    }
    return faults;
  }

  @Override
  public List<Branch> torchscaleBranches(int heads) {
    throw new IllegalArgumentException(
        "torchscale knows segment_lengths and dilations only, and this model's attention has"
            + " branches: export to safetensors");
  }
}
