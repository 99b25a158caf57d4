// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.Floats;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// q, k, v and perhaps gradOut of a file, checked: one shape [B, N, H, D], a floating type, every
/// value finite.
///
/// @param gradOut null when no gradients are wanted
record AttentionInput(TensorEntry q, TensorEntry k, TensorEntry v, @Nullable TensorEntry gradOut) {

  /// @throws IllegalArgumentException one line: the tensor and the rule it breaks
  static AttentionInput read(SafetensorsFile file, boolean gradients) {
    TensorEntry q = file.tensor("q");
    long[] shape = q.shape();
    if (shape.length != 4
        || shape[2] < 1
        || shape[3] < 1
        || Math.max(shape[2], shape[3]) > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "q must be [batch, tokens, heads, head size], the last two 1 to 2^31-1: shape="
              + Arrays.toString(shape));
    }
    return new AttentionInput(
        checked(q, shape),
        checked(file.tensor("k"), shape),
        checked(file.tensor("v"), shape),
        gradients ? checked(gradOut(file), shape) : null);
  }

  private static TensorEntry gradOut(SafetensorsFile file) {
    if (!file.contains("grad_out")) {
      throw new IllegalArgumentException("no tensor named grad_out, which gradients start from");
    }
    return file.tensor("grad_out");
  }

  private static TensorEntry checked(TensorEntry tensor, long[] shape) {
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s must have the shape of q, %s: shape=%s",
              tensor.name(),
              Arrays.toString(shape),
              Arrays.toString(tensor.shape())));
    }
    if (!Floats.isFloating(tensor.type())) {
      throw new IllegalArgumentException(
          tensor.name() + " must be F32, BF16, F16 or F64: dtype=" + tensor.type());
    }
    long bad = Floats.firstNotFinite(tensor);
    if (bad >= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s must be finite (in float32): %s%s=%s",
              tensor.name(),
              tensor.name(),
              Arrays.toString(index(bad, shape)),
              Floats.get(tensor, bad)));
    }
    return tensor;
  }

  private static long[] index(long element, long[] shape) {
    long[] index = new long[shape.length];
    for (int dim = shape.length - 1; dim >= 0; dim--) {
      index[dim] = element % shape[dim];
      element /= shape[dim];
    }
    return index;
  }
}
