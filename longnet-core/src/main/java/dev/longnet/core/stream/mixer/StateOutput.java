// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.NativeFloats;
import java.io.IOException;

/// Where a memory writes its floats, one after another.
@FunctionalInterface
public interface StateOutput {
  /// Writes `count` floats from element `index` on.
  void write(NativeFloats from, long index, long count) throws IOException;
}
