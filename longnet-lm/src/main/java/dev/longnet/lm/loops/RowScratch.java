// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A thread's working memory: float32 rows of whole registers. It grows and is never cleared, so
/// what a slot holds at first is left over from another call.
final class RowScratch {
  private static final ThreadLocal<RowScratch> OWN = ThreadLocal.withInitial(RowScratch::new);

  /// Rows a multiple of 4096 bytes apart take one another's loads for stores.
  private static final long GAP = 192;

  private MemorySegment memory = MemorySegment.NULL;
  private long slotBytes;

  private RowScratch() {}

  /// This thread's, until its next call.
  static RowScratch of(int slots, int width) {
    RowScratch scratch = OWN.get();
    scratch.slotBytes = (Lanes.bytes(width) + 63) / 64 * 64 + GAP;
    long bytes = slots * scratch.slotBytes;
    if (scratch.memory.byteSize() < bytes) {
      scratch.memory = Arena.ofAuto().allocate(bytes, 64);
    }
    return scratch;
  }

  /// The address of a row.
  long slot(int index) {
    return memory.address() + index * slotBytes;
  }
}
