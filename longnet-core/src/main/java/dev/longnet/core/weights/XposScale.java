// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.TensorEntry;
import java.lang.foreign.Arena;
import java.util.Locale;

/// torchscale keeps xPos' per-pair constants in every layer's state:
/// `layers.I.self_attn.xpos.scale`, zeta_i = (2i + 0.4 D) / (1.4 D), computed in float32. They are
/// no parameters: an import checks them, an export makes them again.
final class XposScale {
  /// Behind the mixer's prefix.
  static final String NAME = "xpos.scale";

  private XposScale() {}

  static TensorEntry make(String name, int headSize, DType type, Arena arena) {
    float[] scale = new float[headSize / 2];
    for (int i = 0; i < scale.length; i++) {
      scale[i] = (2 * i + (float) (0.4 * headSize)) / (float) (1.4 * headSize);
    }
    return Numbers.convert(TensorEntry.of(name, new long[] {scale.length}, scale), type, arena);
  }

  static void check(TensorEntry given, int headSize, String file) {
    boolean same =
        given.shape().length == 1
            && given.shape()[0] == headSize / 2
            && Numbers.isFloating(given.type());
    for (int i = 0; same && i < headSize / 2; i++) {
      double expected = (2 * i + 0.4 * headSize) / (1.4 * headSize);
      same = Math.abs(Numbers.get(given.data(), given.type(), i) - expected) <= 0.005 * expected;
    }
    if (!same) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s must be xPos' (2i + 0.4 D) / (1.4 D) for D=%d, other constants are not supported: %s",
              given.name(),
              headSize,
              file));
    }
  }
}
