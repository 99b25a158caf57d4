// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// The keyword arguments of torchscale's `DecoderConfig` and `EncoderConfig` as our configurations,
/// and back. Arguments that change what a model computes and that we do not compute are refused by
/// name, never ignored.
public final class TorchscaleConfig {
  /// Of Prov-GigaPath's and LongViT's wrappers around the encoder.
  private static final Set<String> AROUND_ENCODER =
      Set.of("slide_ngrids", "tile_size", "input_positions", "norm_eps");

  static final long DENSE = 1L << 40;

  private TorchscaleConfig() {}

  /// What the tensors around an encoder of embeddings say about it.
  ///
  /// @param inputWidth columns of `patch_embed.proj`, if there is one
  /// @param classToken whether there is a `cls_token`
  /// @param learnedPositions rows of `pos_embed`, if there is one
  /// @param pooledNorm the name of the norm after pooling: `norm`, `fc_norm`
  /// @param classes rows of `head`
  public record Surroundings(
      Optional<Integer> inputWidth,
      boolean classToken,
      Optional<Integer> learnedPositions,
      Optional<String> pooledNorm,
      Optional<Integer> classes) {}

  /// A decoder, or an encoder with a vocabulary.
  ///
  /// @param source names the configuration in messages
  /// @throws IllegalArgumentException names the argument that is missing, wrong or not supported
  public static ModelConfig model(ObjectNode arguments, String source) {
    TorchscaleArguments r = new TorchscaleArguments(arguments, source);
    String side = r.side();
    r.check(side, Set.of());
    if (!r.flag("normalize_output", true) || r.flag("no_output_layer", false)) {
      throw r.wrong(
          r.flag("normalize_output", true) ? "no_output_layer" : "normalize_output",
          "is supported in encoders of embeddings only (files without embed_tokens.weight)");
    }
    List<Long> dilations = r.dilations();
    List<Long> lengths = dilations.isEmpty() ? List.of() : r.fixedLengths();
    AttentionConfig attention = new AttentionConfig.Dense();
    if (!dilations.isEmpty()) {
      if (lengths.size() != dilations.size()) {
        throw r.wrong(
            "dilated_ratio",
            "must name as many ratios as segment_length has lengths (" + lengths.size() + ")");
      }
      List<Branch> branches = new ArrayList<>();
      for (int i = 0; i < lengths.size(); i++) {
        branches.add(new Branch(lengths.get(i), dilations.get(i)));
      }
      attention = new AttentionConfig.Dilated(branches, HeadOffsets.BLOCKED);
    }
    return new ModelConfig(
        r.whole("vocab_size", -1, 1),
        r.whole(side + "_layers", 12, 1),
        r.whole(side + "_embed_dim", 768, 1),
        r.whole(side + "_attention_heads", 12, 1),
        r.whole(side + "_ffn_embed_dim", 3072, 1),
        r.activation(),
        r.flag("xpos_rel_pos", false) ? PositionEncoding.XPOS : PositionEncoding.NONE,
        r.whole("xpos_scale_base", 512, 1),
        r.flag("share_" + side + "_input_output_embed", false),
        side.equals("decoder"),
        List.of(attention));
  }

  /// The keyword arguments that torchscale's fairseq recipe makes of fairseq's settings.
  ///
  /// @param settings fairseq's `args` or `cfg.model`, with what its own code needs
  /// @param vocabulary rows of the token embedding, which fairseq takes from a dictionary's file
  public static ObjectNode ofFairseq(ObjectNode settings, long vocabulary) {
    ObjectNode arguments = TorchscaleArguments.ofFairseq(settings);
    if (arguments.path("vocab_size").asLong(-1) < 0) {
      arguments.put("vocab_size", vocabulary);
    }
    return arguments;
  }

  /// An encoder of embeddings.
  public static EncoderConfig encoder(ObjectNode arguments, String source, Surroundings around) {
    TorchscaleArguments r = new TorchscaleArguments(arguments, source);
    if (!r.side().equals("encoder")) {
      throw new IllegalArgumentException(
          "a decoder needs the tensor embed_tokens.weight: " + source);
    }
    r.check("encoder", AROUND_ENCODER);
    if (r.flag("xpos_rel_pos", false)) {
      throw r.wrong("xpos_rel_pos", "is supported with token embeddings only");
    }
    List<Long> dilations = r.dilations();
    SegmentLengths lengths =
        dilations.isEmpty()
            ? new SegmentLengths.Fixed(List.of(DENSE))
            : r.lengths(dilations.size());
    EncoderConfig.InputPositions positions =
        around
            .learnedPositions()
            .<EncoderConfig.InputPositions>map(EncoderConfig.InputPositions.Learned::new)
            .orElse(
                around.classToken()
                    ? new EncoderConfig.InputPositions.Grid(
                        r.whole("slide_ngrids", 1000, 1), r.whole("tile_size", 256, 1))
                    : new EncoderConfig.InputPositions.None());
    if (r.has("input_positions")) {
      if (!arguments.path("input_positions").asText().equals("none")) {
        throw r.wrong("input_positions", "must be none, or absent to take what the tensors say");
      }
      positions = new EncoderConfig.InputPositions.None();
    }
    // Prov-GigaPath builds its `norm` with 1e-6, LongViT its `fc_norm` with PyTorch's default.
    double epsilon = around.pooledNorm().filter("norm"::equals).isPresent() ? 1e-6 : 1e-5;
    return new EncoderConfig(
        r.whole("encoder_layers", 12, 1),
        r.whole("encoder_embed_dim", 768, 1),
        r.whole("encoder_attention_heads", 12, 1),
        r.whole("encoder_ffn_embed_dim", 3072, 1),
        r.activation(),
        r.flag("normalize_output", true),
        lengths,
        dilations.isEmpty() ? List.of(1L) : dilations,
        HeadOffsets.BLOCKED,
        false,
        around.inputWidth(),
        around.classToken(),
        positions,
        around.pooledNorm().map(_ -> r.positive("norm_eps", epsilon)),
        around.classes());
  }

  /// The keyword arguments that make torchscale compute what `model` computes.
  ///
  /// @throws IllegalArgumentException where torchscale has no such model; the message says what
  ///   stands in the way
  public static ObjectNode write(ModelConfig model) {
    refuseUnknown(model);
    String side = model.causal() ? "decoder" : "encoder";
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put(side + "_embed_dim", model.hidden());
    tree.put(side + "_attention_heads", model.heads());
    tree.put(side + "_ffn_embed_dim", model.feedForward());
    tree.put(side + "_layers", model.layers());
    tree.put("vocab_size", model.vocabulary());
    tree.put(
        "xpos_rel_pos",
        switch (model.positions()) {
          case XPOS -> true;
          case NONE -> false;
          case ROPE -> throw unknown("positions=rope");
        });
    tree.put("xpos_scale_base", model.xposScaleBase());
    tree.put("subln", true);
    tree.put("flash_attention", true);
    List<Branch> branches = branches(model);
    tree.put("segment_length", branches.stream().map(Branch::segmentLength).toList().toString());
    tree.put("dilated_ratio", branches.stream().map(Branch::dilation).toList().toString());
    tree.put("activation_fn", model.activation().toString());
    tree.put("dropout", 0.0);
    tree.put("share_" + side + "_input_output_embed", model.tiedOutput());
    return tree;
  }

  /// What is ours alone.
  private static void refuseUnknown(ModelConfig model) {
    if (model.shortConvolution() != 0) {
      throw unknown("short_convolution=" + model.shortConvolution());
    }
    if (model.positions() != PositionEncoding.NONE) {
      if (model.positionsBase() != ModelConfig.POSITIONS_BASE) {
        throw unknown("positions_base=" + model.positionsBase());
      }
      if (model.nopeHeads() != 0) {
        throw unknown("nope_heads=" + model.nopeHeads());
      }
      if (model.positionsShare() != 1) {
        throw unknown("positions_share=" + model.positionsShare());
      }
    }
  }

  private static IllegalArgumentException unknown(String what) {
    return new IllegalArgumentException("torchscale has no " + what + ": export to safetensors");
  }

  private static List<Branch> branches(ModelConfig model) {
    if (model.mixers().size() == 1) {
      return model.mixer(0).torchscaleBranches(model.heads());
    }
    throw new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "torchscale has one attention for all layers, this model has %s: export to safetensors",
            model.mixers().stream().map(MixerConfig::type).toList()));
  }
}
