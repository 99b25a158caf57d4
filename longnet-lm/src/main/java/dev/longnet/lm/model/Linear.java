// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.lm.model.StepProfile.Part;
import dev.longnet.lm.torch.PageMemory;
import dev.longnet.lm.torch.TensorMemory;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// y = x W^T + b, in the model's precision, and its backward pass, written out because it then
/// needs no graph and adds straight into the gradients. Layers that multiply the same rows are one
/// product. With bfloat16 it holds a rounded copy of W (see [#prepare()]).
///
/// On the CPU b is not added here but by whatever reads y next ([#shift()]), in float32.
final class Linear implements AutoCloseable {
  /// Elements of a matrix of whose gradient every thread may have a copy.
  private static final long SMALL = 1 << 20;

  private final Parameters parameters;
  private final @Nullable StepProfile profile;
  private final List<String> weights;
  private final List<String> biases;
  private final Tensor weight;
  private final @Nullable Tensor bias;
  private final boolean biasInProduct;

  /// W and b in the type of the products: the parameters themselves, or copies of this class.
  private final Tensor operand;

  private final @Nullable Tensor biasOperand;

  /// @param names of one layer or, where the blueprint stacks them, of several
  Linear(
      Parameters parameters,
      boolean hasBias,
      Precision precision,
      @Nullable StepProfile profile,
      String... names) {
    this.profile = profile;
    this.parameters = parameters;
    weights = List.of(names).stream().map(name -> name + ".weight").toList();
    biases = hasBias ? List.of(names).stream().map(name -> name + ".bias").toList() : List.of();
    weight = parameters.value(weights).retainReference();
    bias = hasBias ? parameters.value(biases).retainReference() : null;
    biasInProduct = hasBias && weight.is_cuda();
    boolean rounded = precision != Precision.FP32;
    operand = rounded ? weight.to(Types.product(precision)).retainReference() : weight;
    biasOperand =
        !biasInProduct || bias == null
            ? null
            : rounded ? bias.to(Types.product(precision)).retainReference() : bias;
  }

  /// Takes over changed parameters.
  void prepare() {
    if (operand != weight) {
      long began = StepProfile.begin(profile);
      operand.copy_(weight);
      if (bias != null && biasOperand != null) {
        biasOperand.copy_(bias);
      }
      end(Part.CASTS, began, weight, operand);
    }
  }

  /// Gives the memory of rounded copies back until they are prepared again.
  void forget() {
    if (operand != weight) {
      PageMemory.clear(TensorMemory.of(operand));
    }
  }

  private void end(long began, Tensor... tensors) {
    end(Part.PRODUCTS, began, tensors);
  }

  private void end(Part part, long began, Tensor... tensors) {
    if (profile != null) {
      long bytes = 0;
      for (Tensor tensor : tensors) {
        bytes += tensor.numel() * tensor.element_size();
      }
      StepProfile.end(profile, part, began, bytes);
    }
  }

  /// W's rows: the width of y.
  long width() {
    return weight.size(0);
  }

  /// What [#forward] leaves to be added to each of its rows, `[out]` float32; null for nothing.
  @Nullable Tensor shift() {
    return biasInProduct ? null : bias;
  }

  /// @param x [n, in] in the products' type
  /// @param out [n, out], overwritten
  void forward(Tensor x, Tensor out) {
    long began = StepProfile.begin(profile);
    try (PointerScope _ = new PointerScope()) {
      if (biasOperand == null) {
        torch.mm_out(out, x, operand.t());
      } else {
        torch.addmm_out(out, biasOperand, x, operand.t());
      }
    }
    end(began, x, operand, out);
  }

  /// @param gradOut [n, out]
  /// @param gradIn [n, in], overwritten
  void backwardInput(Tensor gradOut, Tensor gradIn) {
    long began = StepProfile.begin(profile);
    torch.mm_out(gradIn, gradOut, operand);
    end(began, gradOut, operand, gradIn);
  }

  /// Adds the weights' gradient, gradOut^T x, the crew's threads sharing the work: a small matrix
  /// as a sum over some of the tokens each, a large one as some of its rows each.
  ///
  /// @param x the forward pass's input [n, in]
  /// @param gradOut [n, out] in the products' type
  void backwardWeight(Tools tools, Tensor x, Tensor gradOut) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = tools.workspace().frame()) {
      Tensor gradient = parameters.gradient(weights);
      if (tools.crew().size() > 1 && gradient.numel() <= SMALL) {
        byTokens(tools, x, gradOut, gradient);
      } else {
        byRows(tools, x, gradOut, gradient);
      }
    }
  }

  private void byTokens(Tools tools, Tensor x, Tensor gradOut, Tensor gradient) {
    long tokens = x.size(0);
    long rows = gradient.size(0);
    int parts = (int) Math.min(tools.crew().size(), tokens);
    Tensor sums = tools.workspace().take(tools.product(), parts * rows, x.size(1));
    tools
        .crew()
        .run(
            parts,
            (part, _) -> {
              long began = StepProfile.begin(profile);
              long from = tokens * part / parts;
              long count = tokens * (part + 1) / parts - from;
              Tensor left = gradOut.narrow(0, from, count).t();
              Tensor right = x.narrow(0, from, count);
              Tensor own = sums.narrow(0, part * rows, rows);
              torch.mm_out(own, left, right);
              end(began, left, right, own);
            });
    int pieces = (int) Math.min(tools.crew().size(), rows);
    tools
        .crew()
        .run(
            pieces,
            (piece, _) -> {
              long from = rows * piece / pieces;
              long count = rows * (piece + 1) / pieces - from;
              Tensor own = gradient.narrow(0, from, count);
              for (int part = 0; part < parts; part++) {
                tools.rowwise().add(own, sums.narrow(0, part * rows + from, count), null, own);
              }
            });
  }

  private void byRows(Tools tools, Tensor x, Tensor gradOut, Tensor gradient) {
    long rows = gradient.size(0);
    int parts = (int) Math.min(tools.crew().size(), rows);
    tools
        .crew()
        .run(
            parts,
            (part, temporaries) -> {
              long began = StepProfile.begin(profile);
              long from = rows * part / parts;
              long count = rows * (part + 1) / parts - from;
              Tensor own = gradient.narrow(0, from, count);
              Tensor left = gradOut.narrow(1, from, count).t();
              if (operand == weight) {
                own.addmm_(left, x);
                end(began, left, x, own);
              } else {
                Tensor product = temporaries.take(ScalarType.BFloat16, count, x.size(1));
                torch.mm_out(product, left, x);
                end(began, left, x, product);
                tools.rowwise().add(own, product, null, own);
              }
            });
  }

  /// Where the sum over gradOut's rows belongs; only with a bias.
  Sums biasGradient(Tools tools, int tiles) {
    return new Sums(tools, tiles, parameters.gradient(biases));
  }

  @Override
  public void close() {
    if (biasOperand != null && operand != weight) {
      biasOperand.deallocate();
    }
    if (operand != weight) {
      operand.deallocate();
    }
    if (bias != null) {
      bias.deallocate();
    }
    weight.deallocate();
  }
}
