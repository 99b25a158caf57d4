// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// One layer's sequence mixer over whole sequences, forward and backward: normed rows in, mixed
/// rows out, [T, C] each. Its parameters stand in the [dev.longnet.core.config.Blueprint]; what it
/// remembers of a stream is another face of it (`dev.longnet.core.stream`).
///
/// Rows travel tile by tile, several tiles at once ([Crew]), so that a mixer holds as long as the
/// sequence only what it must. A forward pass visits every tile once on each side. A backward pass
/// asks for the chunks one after another, and then visits every tile once. Work on a tile happens
/// in a `PointerScope` of the crew's, on one thread, with that thread's temporaries.
///
/// A span may be a part of a window. A mixer that needs rows of other parts gets them from the
/// other ranks or refuses the span, as attention does where the span would cut a segment.
///
/// For one thread at a time. Closing frees what the mixer itself owns.
interface Mixer extends AutoCloseable {

  /// LN of the residual stream. Called by several threads.
  interface Input {
    /// @param out [n, C] in the products' type, overwritten with the tile's rows
    void rows(Tile tile, Tensor out);
  }

  /// The residual stream, to which the mixed rows are added. Called by several threads.
  interface Output {
    /// @param mixed [n, C] in the products' type; read before this returns
    /// @param shift what is to be added to each of these rows, `[C]` float32; null for nothing
    void put(Tile tile, Tensor mixed, @Nullable Tensor shift, Workspace temporaries);
  }

  /// The gradient of what the forward pass put.
  interface OutputGradient {
    /// Called on the mixer's thread, once a chunk, in any order.
    ///
    /// @return [chunk's rows, C] float32; the caller's scope's
    Tensor rows(int index, Chunk chunk);
  }

  /// Takes the gradient of the input's rows. Called by several threads.
  interface InputGradient {
    /// @param gradient [n, C] in the products' type; read before this returns
    /// @param again [n, C] in the products' type, overwritten with the input's rows
    void put(Tile tile, Tensor gradient, Tensor again);
  }

  /// What a forward pass leaves for the backward pass, in the workspace's frame at the call.
  interface Saved {}

  Saved forward(Input x, Shape shape, Output mixed);

  /// Adds the parameters' gradients.
  void backward(Saved saved, Shape shape, OutputGradient gradMixed, InputGradient gradX);

  /// Hands out the linear layers, which take over parameters that were written.
  void prepare(Consumer<Linear> linears);

  /// One line for logs: how the mixer computes.
  String describe();

  @Override
  void close();
}
