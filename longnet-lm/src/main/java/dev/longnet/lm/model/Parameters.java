// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.Parameter;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Objects;
import java.util.SequencedMap;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Every parameter of a model, float32, under torchscale's names, and its gradient. Gradients are
/// allocated when first asked for: inference has none. Owns both; they outlive any `PointerScope`
/// and are freed by [#close()].
public final class Parameters implements AutoCloseable {
  private final String device;
  private final SequencedMap<String, Tensor> values = new LinkedHashMap<>();
  private final SequencedMap<String, Tensor> gradients = new LinkedHashMap<>();

  private Parameters(String device) {
    this.device = device;
  }

  /// Uninitialised memory for every parameter, in the blueprint's order.
  static Parameters allocate(Blueprint blueprint, String device) {
    Parameters all = new Parameters(device);
    for (Parameter parameter : blueprint.parameters()) {
      Tensor memory = all.empty(ScalarType.Float, parameter.dimensions());
      all.values.put(parameter.name(), memory.retainReference());
    }
    return all;
  }

  /// Unmodifiable; the tensors' contents may be written (optimizer, loading), see
  /// [Decoder#prepare()].
  public SequencedMap<String, Tensor> values() {
    return Collections.unmodifiableSequencedMap(values);
  }

  /// Same names and order as [#values()], zero until the first backward pass.
  public SequencedMap<String, Tensor> gradients() {
    if (gradients.isEmpty()) {
      values.forEach(
          (name, value) -> gradients.put(name, torch.zeros_like(value).retainReference()));
    }
    return Collections.unmodifiableSequencedMap(gradients);
  }

  Tensor value(String name) {
    return Objects.requireNonNull(values.get(name), name);
  }

  Tensor gradient(String name) {
    return Objects.requireNonNull(gradients().get(name), name);
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
    values.clear();
    gradients.clear();
  }
}
