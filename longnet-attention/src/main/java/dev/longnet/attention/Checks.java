// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.lang.foreign.MemorySegment;

/// The façade's argument checks, made once per call.
final class Checks {
  private static final Thread ANYBODY = Thread.ofPlatform().unstarted(() -> {});

  private Checks() {}

  static void sameShape(AttentionTensor q, String name, AttentionTensor tensor) {
    if (!q.sameShape(tensor)) {
      throw new IllegalArgumentException(
          name + " must have the shape of q, " + q.shape() + ": " + tensor.shape());
    }
  }

  static void writable(String name, AttentionTensor tensor) {
    if (!tensor.isWritable()) {
      throw new IllegalArgumentException(
          name
              + " must be writable memory whose elements do not overlap: strides "
              + tensor.batchStride()
              + ", "
              + tensor.tokenStride()
              + ", "
              + tensor.headStride());
    }
  }

  static void floats(String name, MemorySegment segment, long count) {
    if (segment.byteSize() / 4 < count) {
      throw new IllegalArgumentException(
          name + " must hold B H N = " + count + " floats: it holds " + segment.byteSize() / 4);
    }
  }

  static void writable(String name, MemorySegment segment) {
    if (segment.isReadOnly()) {
      throw new IllegalArgumentException(name + " must be writable: it is read-only memory");
    }
  }

  /// How many threads may work on this memory: only one where some of it is confined to the caller.
  static int threads(int wanted, MemorySegment... segments) {
    for (MemorySegment segment : segments) {
      if (!segment.isAccessibleBy(ANYBODY)) {
        return 1;
      }
    }
    return wanted;
  }

  /// Refuses memory that is gone or another thread's, because the kernels read raw addresses.
  static void accessible(MemorySegment... segments) {
    for (MemorySegment segment : segments) {
      if (!segment.scope().isAlive()) {
        throw new IllegalStateException("memory was already released: " + segment);
      }
      if (!segment.isAccessibleBy(Thread.currentThread())) {
        throw new WrongThreadException("memory belongs to another thread's arena: " + segment);
      }
    }
  }
}
