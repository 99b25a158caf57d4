// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.RuntimeConfig.Precision;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Element types of a precision.
final class Types {
  static final ScalarTypeOptional FLOAT =
      new ScalarTypeOptional(ScalarType.Float).retainReference();

  private Types() {}

  /// What operands and results of matrix products are stored in.
  static ScalarType product(Precision precision) {
    return switch (precision) {
      case FP32 -> ScalarType.Float;
      case BF16 -> ScalarType.BFloat16;
    };
  }

  static int bytes(ScalarType type) {
    return switch (type) {
      case Float -> 4;
      case BFloat16 -> 2;
      case Byte -> 1;
      default -> throw new AssertionError(type);
    };
  }

  static boolean is(Tensor x, ScalarType type) {
    return x.scalar_type().intern() == type;
  }

  /// The tensor itself where it has the type already.
  static Tensor cast(Tensor x, ScalarType type) {
    return is(x, type) ? x : x.to(type);
  }
}
