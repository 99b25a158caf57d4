// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

final class Compare {
  private Compare() {}

  /// ||actual - expected|| / ||expected||
  static double relative(Tensor actual, Tensor expected) {
    return difference(actual, expected) / norm(expected);
  }

  /// ||actual - expected||
  static double difference(Tensor actual, Tensor expected) {
    try (PointerScope _ = new PointerScope()) {
      return norm(actual.to(ScalarType.Double).sub(expected.to(ScalarType.Double)));
    }
  }

  static double norm(Tensor x) {
    try (PointerScope _ = new PointerScope()) {
      return x.to(ScalarType.Double).norm().item_double();
    }
  }
}
