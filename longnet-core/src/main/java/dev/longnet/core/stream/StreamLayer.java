// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.config.Activation;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.NormWeights;
import dev.longnet.core.stream.kernel.PackedMatrix;
import dev.longnet.core.stream.kernel.WeightReader;
import dev.longnet.core.stream.mixer.Block;
import dev.longnet.core.stream.mixer.StreamMixer;
import java.util.List;

/// One layer of a model: x += mixer(norm(x)), then x += feed-forward(norm(x)). Between two mixings
/// everything acts on rows alone, so a layer ends and the next begins block by block, whether the
/// rows are a chunk of one stream or a step of many.
///
/// @param middle norm within the feed-forward `[F]`
record StreamLayer(
    NormWeights mixerNorm,
    StreamMixer mixer,
    NormWeights feedForwardNorm,
    PackedMatrix fc1,
    Activation activation,
    NormWeights middle,
    PackedMatrix fc2) {

  /// What a block of rows needs on its way.
  ///
  /// @param narrow [rows, C]
  /// @param wide [rows, F]
  record Scratch(NativeFloats narrow, NativeFloats wide) {
    static Scratch of(NativeMemory memory, ModelConfig config, int rows) {
      return new Scratch(
          memory.floats((long) rows * config.hidden()),
          memory.floats((long) rows * config.feedForward()));
    }
  }

  static StreamLayer read(int number, StreamMixer mixer, WeightReader weights, ModelConfig config) {
    int c = config.hidden();
    int f = config.feedForward();
    String layer = "layers." + number + ".";
    return new StreamLayer(
        weights.norm(layer + "self_attn_layer_norm", c),
        mixer,
        weights.norm(layer + "final_layer_norm", c),
        weights.linear(List.of(layer + "ffn.fc1"), f, c),
        config.activation(),
        weights.norm(layer + "ffn.ffn_layernorm", f),
        weights.linear(List.of(layer + "ffn.fc2"), c, f));
  }

  /// The layer's input to the mixer's rows.
  ///
  /// @param x address of the block's residual rows [rows, C]
  void begin(Block block, long x, Scratch scratch) {
    mixerNorm.apply(block.kernels(), x, block.count(), scratch.narrow.address());
    mixer.project(block, scratch.narrow.address());
    mixer.place(block.work(), block.first(), block.last());
  }

  /// Mixed rows to the layer's output, in the residual rows.
  ///
  /// @param x address of the block's residual rows [rows, C], updated
  void end(Block block, long x, Scratch scratch) {
    Kernels kernels = block.kernels();
    int rows = block.count();
    long narrow = scratch.narrow.address();
    long wide = scratch.wide.address();
    long floats = (long) rows * fc1.in();
    mixer.finish(block, narrow);
    kernels.add(narrow, x, floats);
    feedForwardNorm.apply(kernels, x, rows, narrow);
    block.products().product(narrow, rows, fc1, wide);
    kernels.activate(activation, wide, (long) rows * fc1.out());
    middle.apply(kernels, wide, rows, wide);
    block.products().product(wide, rows, fc2, narrow);
    kernels.add(narrow, x, floats);
  }
}
