// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.NativeFloats;
import java.io.IOException;

/// Where a memory reads its floats back, in the order in which they were written.
@FunctionalInterface
public interface StateInput {
  /// Reads `count` floats to element `index` and after.
  void read(NativeFloats to, long index, long count) throws IOException;
}
