package dev.longnet.lm.model;

import dev.longnet.lm.config.ModelConfig;
import java.util.Collections;
import java.util.LinkedHashMap;
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

  /// Uninitialised memory for every parameter, in the order of torchscale's state dict.
  static Parameters allocate(ModelConfig config, String device) {
    return allocate(shapes(config), device);
  }

  static Parameters allocate(SequencedMap<String, long[]> shapes, String device) {
    Parameters all = new Parameters(device);
    shapes.forEach((name, shape) ->
        all.values.put(name, all.empty(ScalarType.Float, shape).retainReference()));
    return all;
  }

  /// Names and shapes, in the order of torchscale's state dict. A tied output projection is not a
  /// parameter.
  public static SequencedMap<String, long[]> shapes(ModelConfig config) {
    SequencedMap<String, long[]> shapes = new LinkedHashMap<>();
    long c = config.hidden();
    long f = config.feedForward();
    shapes.put("embed_tokens.weight", new long[] {config.vocabulary(), c});
    layers(shapes, config.layers(), c, f);
    norm(shapes, "layer_norm", c);
    if (!config.tiedOutput()) {
      shapes.put("output_projection.weight", new long[] {config.vocabulary(), c});
    }
    return shapes;
  }

  /// Those of the layers.
  static void layers(SequencedMap<String, long[]> shapes, int layers, long c, long f) {
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "layers." + layer + ".";
      for (String projection : new String[] {"k_proj", "v_proj", "q_proj", "out_proj"}) {
        linear(shapes, prefix + "self_attn." + projection, c, c);
      }
      norm(shapes, prefix + "self_attn.inner_attn_ln", c);
      norm(shapes, prefix + "self_attn_layer_norm", c);
      linear(shapes, prefix + "ffn.fc1", f, c);
      linear(shapes, prefix + "ffn.fc2", c, f);
      norm(shapes, prefix + "ffn.ffn_layernorm", f);
      norm(shapes, prefix + "final_layer_norm", c);
    }
  }

  static void linear(SequencedMap<String, long[]> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in});
    shapes.put(name + ".bias", new long[] {out});
  }

  static void norm(SequencedMap<String, long[]> shapes, String name, long width) {
    shapes.put(name + ".weight", new long[] {width});
    shapes.put(name + ".bias", new long[] {width});
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
    return values.get(name);
  }

  Tensor gradient(String name) {
    return gradients().get(name);
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
