// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import org.bytedeco.javacpp.Pointer;

/// Counts native pointers for tests that nothing leaks.
public final class NativePointers {
  private NativePointers() {}

  /// The count once the garbage of earlier tests is gone: what a collection frees later would hide
  /// as much as a leak adds.
  public static long settled() throws InterruptedException {
    long count = Pointer.totalCount();
    for (int unchanged = 0; unchanged < 3; ) {
      System.gc();
      // JavaCPP frees what was collected on a thread of its own.
      Thread.sleep(30);
      long now = Pointer.totalCount();
      unchanged = now == count ? unchanged + 1 : 0;
      count = now;
    }
    return count;
  }
}
