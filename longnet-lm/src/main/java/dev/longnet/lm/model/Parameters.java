// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.Parameter;
import dev.longnet.lm.torch.PageMemory;
import dev.longnet.lm.torch.TensorMemory;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Every parameter of a model, float32, under torchscale's names, and its gradient: two blocks of
/// memory, in which parameters that the blueprint stacks are neighbours. Gradients are allocated
/// when first asked for: inference has none. Owns both; they outlive any `PointerScope` and are
/// freed by [#close()].
public final class Parameters implements AutoCloseable {
  /// Every parameter or stack begins at a multiple of so many elements, a cache line.
  public static final long ALIGNMENT = 16;

  /// Elements whose clearing takes longer than to start a thread.
  private static final long WORTH_A_THREAD = 1 << 16;

  private final String device;
  private final Blueprint blueprint;

  /// First elements in the blocks.
  private final Map<String, Long> offsets = new HashMap<>();

  private final long elements;
  private final Tensor valueBlock;
  private final SequencedMap<String, Tensor> values;
  private @Nullable Tensor gradientBlock;
  private SequencedMap<String, Tensor> gradients = new LinkedHashMap<>();
  private Residence residence = Residence.WHOLE;

  private Parameters(Blueprint blueprint, String device) {
    this.device = device;
    this.blueprint = blueprint;
    this.elements = place(blueprint);
    this.valueBlock = empty(ScalarType.Float, elements).zero_().retainReference();
    this.values = views(valueBlock);
  }

  /// Memory for every parameter.
  static Parameters allocate(Blueprint blueprint, String device) {
    return new Parameters(blueprint, device);
  }

  /// @return elements in all
  private long place(Blueprint blueprint) {
    long next = 0;
    for (Parameter parameter : blueprint.parameters()) {
      if (offsets.containsKey(parameter.name())) {
        continue;
      }
      for (String name : blueprint.stackOf(parameter.name())) {
        offsets.put(name, next);
        next += blueprint.parameter(name).elements();
      }
      next = Math.ceilDiv(next, ALIGNMENT) * ALIGNMENT;
    }
    return next;
  }

  /// Of every parameter, in the blueprint's order.
  private SequencedMap<String, Tensor> views(Tensor block) {
    SequencedMap<String, Tensor> views = new LinkedHashMap<>();
    for (Parameter parameter : blueprint.parameters()) {
      views.put(
          parameter.name(),
          block
              .narrow(0, offset(parameter.name()), parameter.elements())
              .view(parameter.dimensions())
              .retainReference());
    }
    return views;
  }

  /// All parameters one after another `[E]` float32: the memory of [#values()], with gaps of zeros
  /// between them.
  public Tensor valueMemory() {
    return valueBlock;
  }

  /// As [#valueMemory()], of the gradients.
  public Tensor gradientMemory() {
    return gradientBlock();
  }

  /// E: elements of all parameters and of the gaps between them, a multiple of [#ALIGNMENT].
  public long elements() {
    return elements;
  }

  /// Where a parameter begins in the memory of all.
  public long offset(String name) {
    return Objects.requireNonNull(offsets.get(name), name);
  }

  /// Unmodifiable; the tensors' contents may be written (optimizer, loading), see
  /// [Decoder#prepare()].
  public SequencedMap<String, Tensor> values() {
    return Collections.unmodifiableSequencedMap(values);
  }

  /// Same names and order as [#values()], zero until the first backward pass.
  public SequencedMap<String, Tensor> gradients() {
    gradientBlock();
    return Collections.unmodifiableSequencedMap(gradients);
  }

  Tensor value(String name) {
    return Objects.requireNonNull(values.get(name), name);
  }

  Tensor gradient(String name) {
    return Objects.requireNonNull(gradients().get(name), name);
  }

  /// A parameter, or those of a stack as one, [sum of their first dimensions, ...]; the caller's
  /// scope's.
  Tensor value(List<String> stack) {
    return stacked(valueBlock, stack);
  }

  /// As [#value(List)].
  Tensor gradient(List<String> stack) {
    return stacked(gradientBlock(), stack);
  }

  private Tensor stacked(Tensor block, List<String> stack) {
    if (stack.size() > 1 && !blueprint.stackOf(stack.getFirst()).equals(stack)) {
      throw new IllegalArgumentException("the blueprint does not stack " + stack);
    }
    long all = stack.stream().mapToLong(name -> blueprint.parameter(name).elements()).sum();
    long[] shape = blueprint.parameter(stack.getFirst()).dimensions();
    shape[0] *= stack.size();
    return block.narrow(0, offset(stack.getFirst()), all).view(shape);
  }

  private Tensor gradientBlock() {
    Tensor block = gradientBlock;
    if (block == null) {
      try (PointerScope _ = new PointerScope()) {
        block = empty(ScalarType.Float, elements).zero_().retainReference();
        gradients = views(block);
      }
      gradientBlock = block;
    }
    return block;
  }

  /// Says who brings parameters from now on.
  public void divide(Residence others) {
    residence = others;
  }

  Residence residence() {
    return residence;
  }

  /// Whether some are elsewhere between passes.
  boolean divided() {
    return residence != Residence.WHOLE;
  }

  /// Sets every gradient to 0.
  void zeroGradients(Crew crew) {
    Tensor block = gradientBlock();
    if (divided()) {
      PageMemory.clear(TensorMemory.of(block));
      return;
    }
    int parts = (int) Math.min(crew.size(), elements / WORTH_A_THREAD + 1);
    crew.run(
        parts,
        (part, _) -> {
          long from = elements * part / parts;
          block.narrow(0, from, elements * (part + 1) / parts - from).zero_();
        });
  }

  /// Uninitialised, on the model's device; belongs to the caller's scope.
  Tensor empty(ScalarType type, long... shape) {
    TensorOptions options = new TensorOptions(type).device(new DeviceOptional(torchDevice()));
    return torch.empty(shape, options, new MemoryFormatOptional());
  }

  Device torchDevice() {
    return new Device(device);
  }

  @Override
  public void close() {
    values.values().forEach(Tensor::deallocate);
    gradients.values().forEach(Tensor::deallocate);
    valueBlock.deallocate();
    if (gradientBlock != null) {
      gradientBlock.deallocate();
    }
  }
}
