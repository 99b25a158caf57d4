// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.Parameter;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Parameters;
import dev.longnet.lm.model.Residence;
import dev.longnet.lm.torch.PageMemory;
import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/// A model's parameters where each rank holds those that it owns, and those of the layer that a
/// pass is at (ZeRO's third stage, arXiv 1910.02054). Addresses stay as they are: memory of others'
/// elements gives its pages back in between.
///
/// Gradients are added over the ranks layer by layer, in each pass. An owner's sums so far stand
/// where its own gradients are added, so they are part of the next pass's.
final class ShardedParameters implements Residence {
  private final Ranks ranks;
  private final Parameters parameters;
  private final Slice own;

  /// Of each layer, where its parameters lie.
  private final Map<Integer, List<Slice>> places = new HashMap<>();

  private ShardedParameters(Ranks ranks, Decoder model) {
    this.ranks = ranks;
    this.parameters = model.memory();
    this.own = ranks.elements(parameters.elements());
    model.blueprint().parameters().stream()
        .sorted(Comparator.comparingLong(parameter -> parameters.offset(parameter.name())))
        .forEach(this::place);
  }

  /// Joins neighbours. Those of a stack follow one another within a cache line.
  private void place(Parameter parameter) {
    long first = parameters.offset(parameter.name());
    long end =
        Math.ceilDiv(first + parameter.elements(), Parameters.ALIGNMENT) * Parameters.ALIGNMENT;
    List<Slice> own =
        places.computeIfAbsent(Blueprint.layerOf(parameter.name()), _ -> new ArrayList<>());
    if (!own.isEmpty() && first <= own.getLast().end()) {
      own.add(new Slice(own.removeLast().first(), end));
    } else {
      own.add(new Slice(first, end));
    }
  }

  /// Lets a model that is whole on each rank go on in shares.
  static ShardedParameters divide(Decoder model, Ranks ranks) {
    ShardedParameters shards = new ShardedParameters(ranks, model);
    model.memory().divide(shards);
    shards.clearOthers(model.memory().valueMemory(), new Slice(0, model.memory().elements()));
    model.forgetRounded();
    return shards;
  }

  private List<Slice> places(int layer) {
    return places.getOrDefault(layer, List.of());
  }

  @Override
  public boolean enter(int layer) {
    places(layer).forEach(place -> ranks.share(parameters.valueMemory(), place));
    return true;
  }

  @Override
  public boolean leave(int layer) {
    places(layer).forEach(place -> clearOthers(parameters.valueMemory(), place));
    return true;
  }

  @Override
  public void reduce(int layer) {
    for (Slice place : places(layer)) {
      ranks.reduce(parameters.gradientMemory(), place);
      clearOthers(parameters.gradientMemory(), place);
    }
  }

  /// What this rank owns.
  Slice own() {
    return own;
  }

  /// The values of what this rank owns, float32.
  MemorySegment ownValues() {
    return TensorMemory.of(parameters.valueMemory())
        .asSlice(Float.BYTES * own.first(), Float.BYTES * own.count());
  }

  private void clearOthers(Tensor all, Slice place) {
    clear(all, place.and(new Slice(0, own.first())));
    clear(all, place.and(new Slice(own.end(), parameters.elements())));
  }

  private static void clear(Tensor all, Slice elements) {
    if (elements.count() > 0) {
      MemorySegment memory = TensorMemory.of(all);
      PageMemory.clear(
          memory.asSlice(Float.BYTES * elements.first(), Float.BYTES * elements.count()));
    }
  }
}
