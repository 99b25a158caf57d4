// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.core.config.EncoderConfig.InputPositions;
import dev.longnet.core.config.Parameter.Initial;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Every parameter of a model, in the order of torchscale's state dict: allocation, initial
/// weights, counting, import, export and streaming follow from this one list.
///
/// Initial values are torchscale's: normal(0, C^-1/2) for embeddings; Xavier uniform for q, k, v
/// (gain 2^-1/2) and out_proj; uniform(±fan_in^-1/2) for fc1, fc2 and for biases; then MAGNETO's
/// gain sqrt(log 2L) on v_proj, out_proj, fc1 and fc2. Ours: a short convolution begins near the
/// identity.
///
/// Legend: V vocabulary, C hidden, F feed-forward, L layers.
public final class Blueprint {
  /// The token embedding [V, C].
  public static final String EMBEDDING = "embed_tokens.weight";

  /// The output projection [V, C]; no parameter where the embedding is used for it too.
  public static final String OUTPUT = "output_projection.weight";

  /// A convolution's weights are uniform in so much around the identity's.
  private static final double CONVOLUTION_BOUND = 0.1;

  private final SequencedMap<String, Parameter> parameters;
  private final Map<String, List<String>> stacks;

  private Blueprint(Builder all) {
    this.parameters = all.parameters;
    this.stacks = all.stacks;
  }

  /// Of a language model. A tied output projection is not a parameter.
  public static Blueprint of(ModelConfig model) {
    Builder all = new Builder();
    long c = model.hidden();
    Initial embedding = new Initial.Normal(1 / Math.sqrt(c));
    all.matrix(EMBEDDING, model.vocabulary(), c, embedding);
    for (int layer = 0; layer < model.layers(); layer++) {
      double gain = magneto(model.layers());
      MixerConfig mixer = model.mixer(layer);
      mixer.parameters(all, mixerPrefix(layer), c, model.heads(), gain);
      if (model.shortConvolution() > 0) {
        all.convolutions(convolutions(mixer, layer), c, model.shortConvolution());
      }
      all.afterMixer(layer, c, model.feedForward(), gain);
    }
    all.norm("layer_norm", c);
    if (!model.tiedOutput()) {
      all.matrix(OUTPUT, model.vocabulary(), c, embedding);
    }
    return new Blueprint(all);
  }

  /// Of an encoder of embeddings: torchscale's names for the stack, and around it
  /// `patch_embed.proj`, `cls_token`, `pos_embed`, `norm` (LongViT calls it `fc_norm`), `head`.
  public static Blueprint of(EncoderConfig encoder) {
    Builder all = new Builder();
    long c = encoder.hidden();
    Initial token = fanIn(c, 1);
    encoder.inputWidth().ifPresent(width -> all.projection("patch_embed.proj", c, width, c));
    if (encoder.classToken()) {
      all.add("cls_token", token, 1, 1, c);
    }
    if (encoder.positions() instanceof InputPositions.Learned learned) {
      all.add("pos_embed", token, 1, learned.tokens(), c);
    }
    for (int layer = 0; layer < encoder.layers(); layer++) {
      double gain = magneto(encoder.layers());
      AttentionConfig.addParameters(all, mixerPrefix(layer), c, gain);
      all.afterMixer(layer, c, encoder.feedForward(), gain);
    }
    if (encoder.outputNorm()) {
      all.norm("layer_norm", c);
    }
    encoder.pooledNormEpsilon().ifPresent(_ -> all.norm("norm", c));
    encoder.classes().ifPresent(classes -> all.projection("head", classes, c, c));
    return new Blueprint(all);
  }

  /// Beginning of the names of a layer's mixer, as torchscale has it.
  public static String mixerPrefix(int layer) {
    return "layers." + layer + ".self_attn.";
  }

  /// The layer that a parameter belongs to; -1: to none, as embeddings do.
  public static int layerOf(String name) {
    Matcher layer = LAYER.matcher(name);
    return layer.lookingAt() ? Integer.parseInt(layer.group(1)) : -1;
  }

  private static final Pattern LAYER = Pattern.compile("layers\\.(\\d+)\\.");

  /// The weights of a layer's short convolution, a parameter [C, 1, taps] each, which the blueprint
  /// stacks; the last tap is the token's own.
  public static List<String> convolutions(MixerConfig mixer, int layer) {
    return mixer.convolved().stream()
        .map(name -> mixerPrefix(layer) + name + "_conv.weight")
        .toList();
  }

  /// MAGNETO's gain of a stack of `layers`.
  private static double magneto(int layers) {
    return Math.sqrt(Math.log(2.0 * layers));
  }

  static Initial fanIn(long width, double gain) {
    return new Initial.Uniform(1 / Math.sqrt(width), gain);
  }

  /// Xavier's bound of a square matrix.
  static double xavier(long c) {
    return Math.sqrt(6 / ((double) c + c));
  }

  /// In the order of torchscale's state dict.
  public List<Parameter> parameters() {
    return List.copyOf(parameters.values());
  }

  /// @throws IllegalArgumentException when the model has no such parameter
  public Parameter parameter(String name) {
    Parameter found = parameters.get(name);
    if (found == null) {
      throw new IllegalArgumentException("the model has no parameter " + name);
    }
    return found;
  }

  /// The parameters that are one matrix, or one vector, to those who multiply: of layers that take
  /// the same rows. One after another in this order; of one shape.
  ///
  /// @return `name` alone where nothing is stacked with it
  public List<String> stackOf(String name) {
    return stacks.getOrDefault(name, List.of(name));
  }

  /// Elements of all parameters.
  public long elements() {
    return parameters.values().stream().mapToLong(Parameter::elements).sum();
  }

  /// Collects parameters in their order.
  public static final class Builder {
    private final SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
    private final Map<String, List<String>> stacks = new HashMap<>();

    private Builder() {}

    /// Linear layers that take the same rows and are of one shape: see [Blueprint#stackOf(String)].
    void stack(String... layers) {
      for (String kind : List.of(".weight", ".bias")) {
        stack(Arrays.stream(layers).map(layer -> layer + kind).toList());
      }
    }

    private void stack(List<String> names) {
      names.forEach(name -> stacks.put(name, names));
    }

    /// As PyTorch's Conv1d with a group for each channel keeps them. They do not decay: no
    /// convolution at all is a weight of 1, not of 0.
    private void convolutions(List<String> names, long c, int taps) {
      Initial initial = new Initial.NearIdentity(taps, CONVOLUTION_BOUND);
      for (String name : names) {
        List<Long> shape = List.of(c, 1L, (long) taps);
        parameters.put(name, new Parameter(name, shape, initial, false, false));
      }
      stack(names);
    }

    /// What a layer has besides its mixer.
    private void afterMixer(int layer, long c, long f, double gain) {
      String prefix = "layers." + layer + ".";
      norm(prefix + "self_attn_layer_norm", c);
      linear(prefix + "ffn.fc1", f, c, fanIn(c, gain), fanIn(c, gain));
      linear(prefix + "ffn.fc2", c, f, fanIn(f, gain), fanIn(f, gain));
      norm(prefix + "ffn.ffn_layernorm", f);
      norm(prefix + "final_layer_norm", c);
    }

    /// A projection around the stack.
    private void projection(String name, long out, long in, long c) {
      linear(name, out, in, new Initial.Uniform(xavier(c) * Math.sqrt(0.5), 1), fanIn(c, 1));
    }

    /// `name.weight` [out, in] and `name.bias` `[out]`.
    void linear(String name, long out, long in, Initial weight, Initial bias) {
      matrix(name + ".weight", out, in, weight);
      add(name + ".bias", bias, out);
    }

    /// `name.weight` `[width]`, 1, and `name.bias` `[width]`, 0.
    void norm(String name, long width) {
      add(name + ".weight", new Initial.Constant(1), width);
      add(name + ".bias", new Initial.Constant(0), width);
    }

    private void matrix(String name, long out, long in, Initial initial) {
      parameters.put(name, new Parameter(name, List.of(out, in), initial, true, true));
    }

    /// A parameter that rows are not multiplied by; it decays where it has two or more dimensions.
    void add(String name, Initial initial, long... shape) {
      List<Long> dimensions = new ArrayList<>();
      for (long size : shape) {
        dimensions.add(size);
      }
      parameters.put(name, new Parameter(name, dimensions, initial, shape.length >= 2, false));
    }
  }
}
