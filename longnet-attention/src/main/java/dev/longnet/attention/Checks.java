// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.MemorySegment;

/// The façade's argument checks, made once per call.
final class Checks {
  private static final Thread ANYBODY = Thread.ofPlatform().unstarted(() -> {});

  private Checks() {}

  /// What a forward pass is given to write to.
  static void forward(AttentionTensor q, AttentionOutput output) {
    sameShape(q, "out", output.out());
    precision(q, "out", output.out());
    writable("out", output.out());
    writable("lse", output.lse());
  }

  /// What a backward pass is given besides its inputs.
  static void backward(
      AttentionTensor q, AttentionOutput output, AttentionTensor gradOut, Qkv gradients) {
    sameShape(q, "out", output.out());
    sameShape(q, "gradOut", gradOut);
    sameShape(q, "gradQ", gradients.q());
    precision(q, "out", output.out());
    precision(q, "gradOut", gradOut);
    precision(q, "gradQ", gradients.q());
    writable("gradQ", gradients.q());
    writable("gradK", gradients.k());
    writable("gradV", gradients.v());
  }

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

  /// Refuses memory too short for one value of each query.
  ///
  /// @param type of the tensor the values belong to
  static void scalars(String name, MemorySegment segment, ElementType type, long count) {
    long held = segment.byteSize() / type.sums().bytes();
    if (held < count) {
      String kind = type == ElementType.FLOAT64 ? " doubles" : " floats";
      throw new IllegalArgumentException(
          name + " must hold B H N = " + count + kind + ": it holds " + held);
    }
  }

  /// Refuses tensors of float64 among others: kernels add in one precision.
  static void precision(AttentionTensor q, String name, AttentionTensor tensor) {
    if (q.type().sums() != tensor.type().sums()) {
      throw new IllegalArgumentException(
          name + " must be float64 where q is, and only there: " + tensor.type());
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
