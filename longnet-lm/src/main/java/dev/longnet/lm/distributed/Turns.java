// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.time.Duration;

/// Whom of many a rank looks at in a tick: all if they are few, else some in turn. Else the store
/// would have to answer ranks squared questions a second.
final class Turns {
  /// So many are looked at in any case.
  private static final int FEW = 8;

  private final int size;
  private final int atOnce;
  private int next;

  /// @param timeout everybody's turn comes in a third of it, at a tick a second
  Turns(int size, Duration timeout) {
    this.size = size;
    long ticks = Math.max(timeout.toSeconds() / 3, 1);
    this.atOnce = (int) Math.min(size, Math.max(FEW, (size + ticks - 1) / ticks));
  }

  /// Those whose turn it is.
  int[] take() {
    int[] taken = new int[atOnce];
    for (int i = 0; i < atOnce; i++) {
      taken[i] = next;
      next = (next + 1) % size;
    }
    return taken;
  }
}
