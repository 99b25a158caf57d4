// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Activation;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// By libtorch's operators, on any device; tests compare the loops with it.
final class TorchRowwise implements Rowwise {
  @Override
  public void norm(Tensor x, Norm norm, Tensor out) {
    try (PointerScope _ = new PointerScope()) {
      out.copy_(normed(wide(x), norm).get0());
    }
  }

  @Override
  public void normBackward(
      Tensor x,
      Norm norm,
      Tensor gradOut,
      @Nullable Tensor out,
      Tensor gradX,
      boolean add,
      Tensor gradGain,
      Tensor gradBias) {
    try (PointerScope _ = new PointerScope()) {
      Tensor gradient = backward(wide(x), norm, gradOut, out, gradGain, gradBias);
      if (add) {
        gradX.add_(gradient);
      } else {
        gradX.copy_(gradient);
      }
    }
  }

  @Override
  public void add(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum) {
    try (PointerScope _ = new PointerScope()) {
      torch.add_out(sum, x, shifted(y, b));
    }
  }

  @Override
  public void addNorm(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum, Norm norm, Tensor out) {
    add(x, y, b, sum);
    norm(sum, norm, out);
  }

  @Override
  public void activateNorm(Activation a, Tensor x, @Nullable Tensor b, Norm norm, Tensor out) {
    try (PointerScope _ = new PointerScope()) {
      out.copy_(normed(wide(values(a, shifted(x, b))), norm).get0());
    }
  }

  @Override
  public void activateNormBackward(
      Activation a,
      Tensor x,
      @Nullable Tensor b,
      Norm norm,
      Tensor gradOut,
      Tensor out,
      Tensor gradX,
      Tensor gradB,
      Tensor gradGain,
      Tensor gradBias) {
    try (PointerScope _ = new PointerScope()) {
      Tensor before = shifted(x, b);
      Tensor gradient = backward(wide(values(a, before)), norm, gradOut, out, gradGain, gradBias);
      Tensor narrow = Types.cast(gradient, before.scalar_type().intern());
      gradX.copy_(
          switch (a) {
            case GELU -> torch.gelu_backward(narrow, before);
            case RELU -> torch.threshold_backward(narrow, before, new Scalar(0));
            case SWISH -> torch.silu_backward(narrow, before);
          });
      gradB.add_(torch.sum(gradX, new long[] {0}, false, Types.FLOAT));
    }
  }

  private static Tensor values(Activation a, Tensor x) {
    return switch (a) {
      case GELU -> torch.gelu(x);
      case RELU -> torch.relu(x);
      case SWISH -> torch.silu(x);
    };
  }

  @Override
  public void copy(Tensor x, Tensor out, @Nullable Tensor sums) {
    try (PointerScope _ = new PointerScope()) {
      if (sums != null) {
        sums.add_(torch.sum(x, new long[] {0}, false, Types.FLOAT));
      }
      out.copy_(x);
    }
  }

  @Override
  public void rotate(Tensor x, @Nullable Tensor b, @Nullable Tensor factors) {
    try (PointerScope _ = new PointerScope()) {
      if (factors == null) {
        if (b != null) {
          x.add_(b);
        }
        return;
      }
      Tensor wide = wide(shifted(x, b)).contiguous();
      pairs(wide, factors).mul_(factors.unsqueeze(1));
      x.copy_(wide);
    }
  }

  @Override
  public void rotateBackward(Tensor x, @Nullable Tensor factors, Tensor gradB) {
    try (PointerScope _ = new PointerScope()) {
      Tensor wide = wide(x).contiguous();
      if (factors != null) {
        pairs(wide, factors).mul_(factors.unsqueeze(1).conj());
      }
      gradB.add_(wide.sum(0));
      x.copy_(wide);
    }
  }

  @Override
  public void convolve(
      Tensor x, @Nullable Tensor b, Tensor taps, @Nullable Tensor factors, Tensor out) {
    try (PointerScope _ = new PointerScope()) {
      Tensor from = wide(shifted(x, b));
      long before = x.size(0) - out.size(0);
      Tensor sum = torch.zeros_like(from).narrow(0, before, out.size(0));
      for (long j = 0; j < taps.size(0); j++) {
        long back = taps.size(0) - 1 - j;
        // Rows that have a row so far back.
        long first = Math.max(0, back - before);
        long count = out.size(0) - first;
        if (count > 0) {
          sum.narrow(0, first, count)
              .addcmul_(from.narrow(0, before + first - back, count), taps.select(0, j));
        }
      }
      if (factors != null) {
        pairs(sum, factors).mul_(factors.unsqueeze(1));
      }
      out.copy_(sum);
    }
  }

  @Override
  public void convolveBackward(
      Tensor gradOut,
      Tensor x,
      @Nullable Tensor b,
      Tensor taps,
      @Nullable Tensor factors,
      Tensor gradX,
      Tensor gradTaps,
      Tensor gradB) {
    try (PointerScope _ = new PointerScope()) {
      Tensor from = wide(shifted(x, b));
      Tensor grad = wide(gradOut).contiguous();
      if (factors != null) {
        grad = pairs(grad, factors).mul(factors.unsqueeze(1).conj());
        grad = torch.view_as_real(grad).view(gradOut.size(0), gradOut.size(1));
      }
      Tensor sum = torch.zeros_like(from);
      for (long j = 0; j < taps.size(0); j++) {
        long back = taps.size(0) - 1 - j;
        long count = Math.min(x.size(0), gradOut.size(0) - back);
        if (count > 0) {
          Tensor later = grad.narrow(0, back, count);
          sum.narrow(0, 0, count).addcmul_(later, taps.select(0, j));
          gradTaps.select(0, j).add_(later.mul(from.narrow(0, 0, count)).sum(0));
        }
      }
      gradB.add_(sum.sum(0));
      gradX.copy_(sum);
    }
  }

  /// As complex numbers [n, H, D/2]; the same memory.
  private static Tensor pairs(Tensor x, Tensor factors) {
    return torch.view_as_complex(x.view(x.size(0), -1, factors.size(1), 2));
  }

  @Override
  public void addAt(Tensor rows, Tensor x, Tensor sums) {
    sums.index_add_(0, rows, x);
  }

  @Override
  public void crossEntropy(Tensor logits, Tensor targets, Tensor losses, double weight) {
    try (PointerScope _ = new PointerScope()) {
      Tensor column = targets.unsqueeze(1);
      Tensor wide = wide(logits);
      Tensor target = wide.gather(1, column).squeeze(1);
      Tensor largest = wide.amax(new long[] {1}, false);
      torch.softmax_out(wide, wide, 1);
      // p_max = exp(max - lse) is at least 1 / V, so its logarithm gives lse to float32 rounding.
      Tensor lse = largest.sub(wide.amax(new long[] {1}, false).log_());
      torch.sub_out(losses, lse, target);
      if (weight != 0) {
        wide.scatter_(1, column, wide.gather(1, column).sub_(new Scalar(1)));
        wide.mul_(new Scalar(weight));
        if (wide != logits) {
          logits.copy_(wide);
        }
      }
    }
  }

  @Override
  public String describe() {
    return "libtorch";
  }

  /// The gradient of LN(x), float32; x float32.
  private static Tensor backward(
      Tensor x, Norm norm, Tensor gradOut, @Nullable Tensor out, Tensor gradGain, Tensor gradBias) {
    T_TensorTensorTensor_T forward = normed(x, norm);
    BoolPointer everything = new BoolPointer(3);
    everything.put(0, true).put(1, true).put(2, true);
    T_TensorTensorTensor_T result =
        torch.native_layer_norm_backward(
            wide(gradOut).contiguous(),
            x.contiguous(),
            new long[] {norm.width()},
            forward.get1(),
            forward.get2(),
            new TensorOptional(norm.gain()),
            new TensorOptional(norm.bias()),
            everything);
    gradGain.add_(result.get1());
    gradBias.add_(result.get2());
    if (out != null) {
      out.copy_(forward.get0());
    }
    return result.get0();
  }

  private static T_TensorTensorTensor_T normed(Tensor x, Norm norm) {
    return torch.native_layer_norm(
        x,
        new long[] {norm.width()},
        new TensorOptional(norm.gain()),
        new TensorOptional(norm.bias()),
        Norm.EPSILON);
  }

  private static Tensor shifted(Tensor x, @Nullable Tensor b) {
    return b == null ? x : wide(x).add(b);
  }

  private static Tensor wide(Tensor x) {
    return Types.cast(x, ScalarType.Float);
  }
}
