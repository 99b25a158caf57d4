// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;

/// A bidirectional encoder of embeddings, as LongViT and Prov-GigaPath use one: the layers of
/// [ModelConfig], and around them what turns a user's vectors into the first layer's input and the
/// last layer's output into one vector.
///
/// @param layers L
/// @param hidden C, a multiple of `heads`
/// @param heads H
/// @param feedForward inner width of the feed-forward
/// @param activation of the feed-forward
/// @param outputNorm a LayerNorm after the last layer (torchscale's `normalize_output`)
/// @param segmentLengths w of every branch
/// @param dilations r of every branch
/// @param headOffsets torchscale's rule or the paper's
/// @param zeroPaddedKeys reproduce torchscale's padding of short segments by zero keys that take
///   part in the softmax
/// @param inputWidth width of the input vectors where a projection to C comes first
///   (`patch_embed.proj`)
/// @param classToken a learned vector stands before the sequence (`cls_token`)
/// @param positions what is added to the projected input
/// @param pooledNormEpsilon of the LayerNorm after pooling, where there is one (`norm`, `fc_norm`)
/// @param classes rows of the head after it, where there is one (`head`)
public record EncoderConfig(
    int layers,
    int hidden,
    int heads,
    int feedForward,
    Activation activation,
    boolean outputNorm,
    SegmentLengths segmentLengths,
    List<Long> dilations,
    HeadOffsets headOffsets,
    boolean zeroPaddedKeys,
    Optional<Integer> inputWidth,
    boolean classToken,
    InputPositions positions,
    Optional<Double> pooledNormEpsilon,
    Optional<Integer> classes) {

  /// Position embeddings added to the input.
  public sealed interface InputPositions {
    /// Nothing is added: the caller's embeddings hold what they need.
    record None() implements InputPositions {}

    /// One learned vector for each of exactly `tokens` positions (`pos_embed`).
    record Learned(int tokens) implements InputPositions {}

    /// Sines and cosines of a tile's cell in a grid, from pixel coordinates [B, N, 2]
    /// (Prov-GigaPath).
    ///
    /// @param cells per side
    /// @param tileSize pixels a cell
    record Grid(int cells, int tileSize) implements InputPositions {
      public Grid {
        positive("slide_ngrids", cells);
        positive("tile_size", tileSize);
      }
    }
  }

  public EncoderConfig {
    positive("encoder_layers", layers);
    if (layers > ModelConfig.MOST_LAYERS) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "encoder_layers must be at most %d: encoder_layers=%d",
              ModelConfig.MOST_LAYERS,
              layers));
    }
    positive("encoder_embed_dim", hidden);
    positive("encoder_attention_heads", heads);
    positive("encoder_ffn_embed_dim", feedForward);
    Objects.requireNonNull(activation, "activation");
    Objects.requireNonNull(positions, "positions");
    dilations = List.copyOf(dilations);
    if (hidden % heads != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "encoder_embed_dim must be a multiple of encoder_attention_heads=%d: encoder_embed_dim=%d",
              heads,
              hidden));
    }
    if (dilations.size() != segmentLengths.branches()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "dilated_ratio must name as many ratios as segment_length has lengths (%d): dilated_ratio=%s",
              segmentLengths.branches(),
              dilations));
    }
    if (positions instanceof InputPositions.Grid && hidden % 4 != 0) {
      throw new IllegalArgumentException(
          "grid positions need encoder_embed_dim a multiple of 4: " + hidden);
    }
  }

  /// D
  public int headSize() {
    return hidden / heads;
  }

  /// What attends to what in a sequence of N tokens, the class token counted.
  public AttentionConfig.Dilated attention(long tokens) {
    List<Long> lengths = segmentLengths.of(tokens);
    List<Branch> branches = new ArrayList<>();
    for (int i = 0; i < lengths.size(); i++) {
      branches.add(new Branch(lengths.get(i), dilations.get(i)));
    }
    return new AttentionConfig.Dilated(branches, headOffsets, zeroPaddedKeys);
  }

  public EncoderConfig withSegments(SegmentLengths lengths, List<Long> dilations) {
    return new EncoderConfig(
        layers,
        hidden,
        heads,
        feedForward,
        activation,
        outputNorm,
        lengths,
        dilations,
        headOffsets,
        zeroPaddedKeys,
        inputWidth,
        classToken,
        positions,
        pooledNormEpsilon,
        classes);
  }

  public EncoderConfig withZeroPaddedKeys(boolean on) {
    return new EncoderConfig(
        layers,
        hidden,
        heads,
        feedForward,
        activation,
        outputNorm,
        segmentLengths,
        dilations,
        headOffsets,
        on,
        inputWidth,
        classToken,
        positions,
        pooledNormEpsilon,
        classes);
  }

  private static void positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be positive: " + name + "=" + value);
    }
  }
}
