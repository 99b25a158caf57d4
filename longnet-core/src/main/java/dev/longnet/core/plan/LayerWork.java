// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.ShardCounts;
import dev.longnet.attention.pattern.ShardCounts.Load;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RankMesh;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;

/// What the ranks of a window do in one layer's attention: operations and rows, counted.
final class LayerWork {
  /// Up to so many parts of a window all heads of each are looked at, beyond it one head of each,
  /// and all heads of the ranks that then seem to do most.
  private static final int ALL = 64;

  private final ModelConfig model;
  private final long window;
  private final RankMesh mesh;
  private final AttentionPattern pattern;
  private final ShardCounts counts;

  LayerWork(ModelConfig model, MixerConfig mixer, long window, RankMesh mesh) {
    this.model = model;
    this.window = window;
    this.mesh = mesh;
    this.pattern =
        switch (mixer) {
          case AttentionConfig attention -> attention.pattern(model.causal());
        };
    this.counts = new ShardCounts(pattern, window, model.heads());
  }

  /// One part of a window.
  ///
  /// @param loads by branch of the pattern, all heads
  record Part(int part, long first, long end, List<Load> loads) {
    long tokens() {
      return end - first;
    }

    double pairs() {
      return loads.stream().mapToDouble(load -> load.localPairs() + load.remotePairs()).sum();
    }
  }

  /// The parts that may be the slowest: one whose attention takes longest, one that wants most
  /// rows, and the last.
  List<Part> candidates() {
    int parts = mesh.sequenceRanks();
    TreeSet<Integer> chosen = new TreeSet<>();
    chosen.add(parts - 1);
    if (parts <= ALL) {
      List<Part> all = IntStream.range(0, parts).mapToObj(i -> part(i, model.heads())).toList();
      return all.stream().filter(p -> p.part == parts - 1 || most(p, all)).toList();
    }
    List<Part> one = IntStream.range(0, parts).mapToObj(i -> part(i, 1)).toList();
    one.stream().filter(p -> most(p, one)).limit(2).forEach(p -> chosen.add(p.part));
    List<Part> whole = new ArrayList<>();
    chosen.forEach(i -> whole.add(part(i, model.heads())));
    return whole;
  }

  private static boolean most(Part part, List<Part> all) {
    return all.stream()
            .noneMatch(other ->
                other.pairs() > part.pairs()
                    || other.pairs() == part.pairs() && other.part > part.part)
        || all.stream()
            .noneMatch(other ->
                rows(other) > rows(part) || rows(other) == rows(part) && other.part > part.part);
  }

  private static long rows(Part part) {
    return part.loads.stream().mapToLong(Load::rows).sum();
  }

  private Part part(int i, int heads) {
    long first = mesh.first(window, i);
    long end = mesh.first(window, i + 1);
    return new Part(i, first, end, counts.loads(first, end, heads));
  }

  /// Rows of all heads that come to a part from ranks of its own machine, and from others.
  ///
  /// @param near ranks of a window that share a machine
  long[] arriving(Part part, int near) {
    if (mesh.sequenceRanks() == 1) {
      return new long[] {0, 0};
    }
    int from = part.part - part.part % near;
    int to = Math.min(from + near, mesh.sequenceRanks());
    long all = counts.rows(part.first, part.end, 0, window);
    long here =
        near == mesh.sequenceRanks()
            ? all
            : counts.rows(part.first, part.end, mesh.first(window, from), mesh.first(window, to));
    return new long[] {here, all - here};
  }

  /// Keys of a typical segment of each branch of the pattern.
  List<Long> keys() {
    List<Long> keys = new ArrayList<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      long segments = pattern.endSegment(branch, window, window);
      long typical = Math.max(0, Math.min(pattern.typicalSegment(branch), segments - 1));
      long most = 1;
      for (int head = 0; head < model.heads(); head++) {
        most =
            Math.max(
                most, pattern.fold(branch, typical, head, model.heads(), window).keys().count());
      }
      keys.add(most);
    }
    return keys;
  }
}
