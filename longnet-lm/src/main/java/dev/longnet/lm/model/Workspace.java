// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A stack of temporaries. A [Frame]'s buffers go back, all together, when it is closed; frames
/// close in the reverse order of their opening. The memory is kept for the next frame: a training
/// step allocates nothing that an earlier step of the same shape did not, so native memory is flat
/// and no page is faulted in twice (which costs more than reading it: docs/log.md).
///
/// Buffers are uninitialised. They are views: no one may use one after its frame. The views are
/// kept too, as making one takes as long as adding a few hundred numbers.
final class Workspace implements AutoCloseable {
  private static final long BLOCK = 64L << 20;
  private static final long ALIGNMENT = 64;

  /// So many views of buffers that a program whose shapes change all the time lets go of them.
  private static final int VIEWS = 4096;

  private final Parameters parameters;
  private final List<Tensor> blocks = new ArrayList<>();
  private final Map<Place, Tensor> views = new HashMap<>();
  private int block;
  private long used;
  private int depth;

  Workspace(Parameters parameters) {
    this.parameters = parameters;
  }

  /// A buffer that was taken before: passes of one shape take the same ones again.
  private record Place(int block, long offset, ScalarType type, LongBuffer shape) {}

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
    if (depth == 0 && views.size() > VIEWS) {
      forgetViews();
    }
    return new Frame();
  }

  private void forgetViews() {
    views.values().forEach(Tensor::deallocate);
    views.clear();
  }

  /// A contiguous buffer of the innermost frame; the tensor object is this stack's own.
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
    Place place = new Place(block, used, type, LongBuffer.wrap(shape));
    Tensor buffer = views.get(place);
    if (buffer == null) {
      buffer = view(bytes, type, shape);
      views.put(place, buffer);
    }
    used += room;
    return buffer;
  }

  private Tensor view(long bytes, ScalarType type, long... shape) {
    try (PointerScope _ = new PointerScope()) {
      return blocks.get(block).narrow(0, used, bytes).view(type).view(shape).retainReference();
    }
  }

  /// Bytes held, whether in use or not.
  long bytes() {
    return blocks.stream().mapToLong(Tensor::numel).sum();
  }

  /// Gives the memory back. A frame that is opened later takes memory anew.
  @Override
  public void close() {
    assert depth == 0;
    forgetViews();
    blocks.forEach(Tensor::deallocate);
    blocks.clear();
    block = 0;
    used = 0;
  }
}
