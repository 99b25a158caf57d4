// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// New tensors in a few words.
public final class Tensors {
  private Tensors() {}

  /// Contiguous, uninitialised, on the device of `like`.
  public static Tensor empty(ScalarType type, Tensor like, long... shape) {
    TensorOptions options = like.options().dtype(new ScalarTypeOptional(type));
    return torch.empty(shape, options, new MemoryFormatOptional());
  }

  /// Contiguous, every element `value`, on the device of `like`.
  public static Tensor full(ScalarType type, Tensor like, double value, long... shape) {
    return empty(type, like, shape).fill_(new Scalar(value));
  }
}
