// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.Branch;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.LongUnaryOperator;

/// What mixes the tokens of one layer, as a configuration. A mixer has three faces: its parameters
/// and costs stand here, its whole pass in the language model, its memory in a stream. Sealed, so
/// that the compiler names the places that map a configuration to the other faces; CONTRIBUTING
/// lists every file of a new mixer.
public sealed interface MixerConfig permits AttentionConfig {

  /// The value of `type` in a recipe.
  String type();

  /// The mixer as it is in one layer.
  default MixerConfig at(int layer) {
    return this;
  }

  /// Writes the keys [MixerTree#read] knows.
  void write(ObjectNode section);

  /// Adds the mixer's parameters of one layer, in the order of the state dict.
  ///
  /// @param prefix of their names, with the dot at its end
  /// @param hidden C
  /// @param heads H
  /// @param gain of what leads back into the residual stream, see [Blueprint]
  void parameters(Blueprint.Builder to, String prefix, long hidden, int heads, double gain);

  /// What the model's short convolution passes over ([ModelConfig#shortConvolution()]): C channels
  /// each, by the names that their convolutions have (`q_conv`), as they stand at the beginning of
  /// the mixer's rows. Empty for a mixer that none passes over.
  default List<String> convolved() {
    return List.of("q", "k", "v");
  }

  /// Floating-point operations between tokens in one layer's forward pass over one sequence; the
  /// products with the mixer's matrices are counted by their parameters.
  ///
  /// @param tokens N
  double mixingFlops(ModelConfig model, long tokens);

  /// As [#mixingFlops], forward and backward.
  double mixingTrainingFlops(ModelConfig model, long tokens);

  /// Bytes a token that a layer keeps for the backward pass.
  ///
  /// @param bytes of an element of a product's operands
  long keptBytes(ModelConfig model, int bytes);

  /// Bytes a token that one layer's backward pass adds while it runs.
  long backwardBytes(ModelConfig model, int bytes);

  /// Whether the mixer turns its rows by their positions ([ModelConfig#positions()]): the rules of
  /// an encoding are asked of such mixers alone.
  boolean usesPositions();

  /// The number of positions after which positions may begin anew: nothing mixes across its
  /// multiples. Empty where there is none.
  OptionalLong period();

  /// w of the longest segment; empty where a segment has no end or segments see one another.
  default OptionalLong longestSegment() {
    return OptionalLong.empty();
  }

  /// At a position, how many tokens the mixer's longest segment has shown, the position's own among
  /// them: all so far where there is no longest one. Tokens that a dilation skips count too.
  default LongUnaryOperator tokensShown() {
    long period = period().orElse(Long.MAX_VALUE);
    long longest = longestSegment().orElse(Long.MAX_VALUE);
    return position -> Math.min(position % period + 1, longest);
  }

  /// r of the branch that skips most; 1 where none skips.
  default int largestDilation() {
    return 1;
  }

  /// Compatibility with encoders trained by torchscale, whose short segments are padded by zero
  /// keys that take part in the softmax; never right for other models.
  default boolean zeroPaddedKeys() {
    return false;
  }

  /// @throws IllegalArgumentException where the mixer has no short segments
  default MixerConfig withZeroPaddedKeys(boolean on) {
    if (on) {
      throw new IllegalArgumentException(
          MixerTree.ZERO_PADDED_KEYS + " is for dilated attention: type=" + type());
    }
    return this;
  }

  /// The segments and dilations that make torchscale compute this mixer.
  ///
  /// @throws IllegalArgumentException where torchscale has none
  default List<Branch> torchscaleBranches(int heads) {
    throw new IllegalArgumentException(
        String.format(
            Locale.ROOT, "torchscale has no mixer of type=%s: export to safetensors", type()));
  }

  /// Parts that may join one after another while a model trains (`training.branch_starts`); 0 where
  /// the mixer has no such parts.
  default int branches() {
    return 0;
  }

  /// The mixer as it is while only its first branches have joined.
  default MixerConfig withBranches(int first) {
    return this;
  }

  /// What is wrong with the mixer in a model of this shape: a rule that its parts break, each
  /// beginning with a verb.
  ///
  /// @param joined branches that take part
  default List<String> faults(int layers, int heads, int joined) {
    return List.of();
  }

  /// The mixer for inputs beyond the trained length: no token reaches further back than in a
  /// training sequence.
  ///
  /// @param blockLength half the trained length, in tokens
  /// @throws IllegalArgumentException where the mixer has no such form
  MixerConfig blockwise(long blockLength);
}
