// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.pytorch.Tensor;

/// One layer's sequence mixer over whole sequences, forward and backward: normed rows in, mixed
/// rows out, [T, C] each. Its parameters stand in the [dev.longnet.core.config.Blueprint]; what it
/// remembers of a stream is another face of it (`dev.longnet.core.stream`).
///
/// Rows travel chunk by chunk, so that a mixer holds as long as the sequence only what it must. A
/// pass visits every chunk of the shape once, in order, on each side: it asks for a chunk's rows
/// before it puts anything for that chunk. Work on a chunk happens in a `PointerScope` and a
/// workspace frame of the mixer's.
///
/// A span may be a part of a window. A mixer that needs rows of other parts gets them from the
/// other ranks or refuses the span, as attention does where the span would cut a segment.
///
/// For one thread at a time. Closing frees what the mixer itself owns.
interface Mixer extends AutoCloseable {

  /// Where rows come from.
  interface Source {
    /// The chunk's rows [n, C] in the products' type; the caller's scope's.
    Tensor rows(Chunk chunk);
  }

  /// Where rows go.
  interface Sink {
    /// @param rows [n, C] in the products' type; read before this returns
    void put(Chunk chunk, Tensor rows);
  }

  /// What a forward pass leaves for the backward pass, in the workspace's frame at the call.
  interface Saved {}

  /// @param x LN of the residual stream
  /// @param mixed takes what is added to the residual stream
  Saved forward(Source x, Shape shape, Sink mixed);

  /// Adds the parameters' gradients.
  ///
  /// @param x as in the forward pass
  /// @param gradMixed the gradient of what the forward pass put
  /// @param gradX takes the gradient of x
  void backward(Source x, Saved saved, Shape shape, Source gradMixed, Sink gradX);

  /// Takes over parameters that were written.
  void prepare();

  /// One line for logs: how the mixer computes.
  String describe();

  @Override
  void close();
}
