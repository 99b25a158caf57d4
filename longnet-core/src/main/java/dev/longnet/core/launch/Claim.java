// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import java.util.function.Supplier;

/// What one launcher's variables say.
///
/// @param words the variables with their values, for messages
/// @param launch all of it; asked for where this claim holds and has more than one rank, and throws
///   where something is missing
record Claim(int rank, int size, String words, Supplier<Launch> launch) {
  boolean sameAs(Claim other) {
    return rank == other.rank && size == other.size;
  }
}
