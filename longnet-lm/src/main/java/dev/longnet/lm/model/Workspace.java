// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A stack of temporaries. A [Frame]'s buffers go back, all together, when it is closed; frames
/// close in the reverse order of their opening. The memory is kept for the next frame: a training
/// step allocates nothing that an earlier step of the same shape did not, so native memory is flat
/// and no page is faulted in twice (which costs more than reading it: docs/log.md).
///
/// Buffers are uninitialised. They are views: no one may use one after its frame.
final class Workspace implements AutoCloseable {
  private static final long BLOCK = 64L << 20;
  private static final long ALIGNMENT = 64;

  private final Parameters parameters;
  private final List<Tensor> blocks = new ArrayList<>();
  private int block;
  private long used;
  private int depth;

  Workspace(Parameters parameters) {
    this.parameters = parameters;
  }

  /// Where the stack stood when it was opened.
  final class Frame implements AutoCloseable {
    private final int blockBefore = block;
    private final long usedBefore = used;
    private final int level = ++depth;

    private Frame() {}

    @Override
    public void close() {
      depth = level - 1; // what an exception left open above goes too
      block = blockBefore;
      used = usedBefore;
    }
  }

  Frame frame() {
    return new Frame();
  }

  /// A contiguous buffer of the innermost frame; the tensor object belongs to the caller's
  /// `PointerScope`.
  Tensor take(ScalarType type, long... shape) {
    assert depth > 0;
    long elements = 1;
    for (long size : shape) {
      elements = Math.multiplyExact(elements, size);
    }
    long bytes = elements * Types.bytes(type);
    long room = Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    while (block < blocks.size() && used + room > blocks.get(block).numel()) {
      block++;
      used = 0;
    }
    if (block == blocks.size()) {
      blocks.add(parameters.empty(ScalarType.Byte, Math.max(room, BLOCK)).retainReference());
    }
    Tensor buffer = blocks.get(block).narrow(0, used, bytes).view(type).view(shape);
    used += room;
    return buffer;
  }

  /// Bytes held, whether in use or not.
  long bytes() {
    return blocks.stream().mapToLong(Tensor::numel).sum();
  }

  /// Gives the memory back.
  @Override
  public void close() {
    assert depth == 0;
    blocks.forEach(Tensor::deallocate);
    blocks.clear();
    block = 0;
    used = 0;
  }
}
