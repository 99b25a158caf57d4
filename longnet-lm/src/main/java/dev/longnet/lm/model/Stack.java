// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// A model's layers one after another, forward alone or with what the backward pass needs.
///
/// @param layers closed with this
record Stack(Tools tools, List<Layer> layers) implements AutoCloseable {
  Stack {
    layers = List.copyOf(layers);
  }

  /// A layer's input, and what its forward pass kept in a frame of its own; both null with
  /// activation checkpointing.
  private record Step(Tensor x, Layer.@Nullable Saved saved, Workspace.@Nullable Frame frame) {}

  /// A forward pass whose backward pass is due.
  ///
  /// @param out the last layer's output [T, C] float32
  record Kept(Tensor out, Deque<Step> steps) {}

  private Workspace workspace() {
    return tools.workspace();
  }

  /// Forward without anything kept; x is overwritten.
  Tensor run(Tensor x, Shape shape) {
    for (int i = 0; i < layers.size(); i++) {
      enter(i);
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace().frame()) {
        layers.get(i).run(x, shape, x);
      }
      leave(i);
    }
    return x;
  }

  /// @param x [T, C] float32, not to be changed before the backward pass
  /// @return buffers of the workspace's innermost frame
  Kept forward(Tensor x, Shape shape) {
    Deque<Step> steps = new ArrayDeque<>();
    Tensor in = x;
    for (int i = 0; i < layers.size(); i++) {
      Tensor out = workspace().take(ScalarType.Float, x.size(0), x.size(1));
      enter(i);
      steps.push(forward(layers.get(i), in, out, shape));
      leave(i);
      in = out;
    }
    return new Kept(in, steps);
  }

  private Step forward(Layer layer, Tensor x, Tensor y, Shape shape) {
    Workspace.Frame frame = workspace().frame();
    if (!tools.options().activationCheckpointing()) {
      return new Step(x, layer.forward(x, shape, y), frame);
    }
    try (PointerScope _ = new PointerScope();
        frame) {
      layer.run(x, shape, y);
    }
    return new Step(x, null, null);
  }

  /// Adds the parameters' gradients.
  ///
  /// @param gradient [T, C] float32: in, with respect to the output; out, with respect to the input
  void backward(Kept kept, Shape shape, Tensor gradient) {
    for (int i = layers.size() - 1; i >= 0; i--) {
      enter(i);
      backward(layers.get(i), kept.steps.pop(), shape, gradient);
      residence().reduce(i);
      leave(i);
    }
  }

  /// What other ranks wait for when they pass forward, and backward.
  void standBy(boolean backward) {
    for (int i = 0; i < layers.size(); i++) {
      residence().enter(i);
      residence().leave(i);
    }
    for (int i = layers.size() - 1; i >= 0 && backward; i--) {
      residence().enter(i);
      residence().reduce(i);
      residence().leave(i);
    }
  }

  private Residence residence() {
    return tools.parameters().residence();
  }

  private void enter(int layer) {
    if (residence().enter(layer)) {
      layers.get(layer).prepare(Linear::prepare);
    }
  }

  private void leave(int layer) {
    if (residence().leave(layer)) {
      layers.get(layer).prepare(Linear::forget);
    }
  }

  private void backward(Layer layer, Step step, Shape shape, Tensor gradient) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = step.frame == null ? workspace().frame() : step.frame) {
      Layer.Saved saved = step.saved == null ? layer.again(step.x, shape) : step.saved;
      layer.backward(step.x, saved, shape, gradient);
    }
  }

  /// Hands out what has copies of parameters.
  void prepare(Consumer<Linear> linears) {
    layers.forEach(layer -> layer.prepare(linears));
  }

  @Override
  public void close() {
    layers.forEach(Layer::close);
  }
}
