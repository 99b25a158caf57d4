// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Reads and writes off-heap memory by address, for kernels alone: nothing checks bounds here. The
/// façade and [FoldChecks], or whoever calls another family of kernels, have checked every range
/// before an address comes here.
public final class OffHeap {
  /// All memory as one segment. An access through it costs no more than one to a heap array.
  @SuppressWarnings("restricted")
  public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  public static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  public static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;
  public static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  public static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  private OffHeap() {}
}
