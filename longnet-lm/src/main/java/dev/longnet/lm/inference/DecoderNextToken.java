// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.stream.NextToken;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.TorchThreads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The plain way to read a stream: keep every token, compute the whole forward pass again for each
/// new one. What faster ways are checked against, and what serves attentions they do not know. The
/// model stays its owner's to close.
final class DecoderNextToken implements NextToken {
  private final Decoder model;
  private long[] tokens = new long[1024];
  private int count;

  DecoderNextToken(Decoder model) {
    this.model = model;
  }

  @Override
  public float[] read(int[] more) {
    if (more.length == 0) {
      throw new IllegalArgumentException("tokens must hold at least one");
    }
    int total = Math.addExact(count, more.length);
    if (total > tokens.length) {
      tokens = Arrays.copyOf(tokens, (int) Math.min(Integer.MAX_VALUE - 8L, 2L * total));
    }
    for (int token : more) {
      tokens[count++] = token;
    }
    try (Arena arena = Arena.ofConfined();
        TorchThreads _ = model.threads();
        PointerScope _ = new PointerScope()) {
      MemorySegment ids = arena.allocateFrom(ValueLayout.JAVA_LONG, Arrays.copyOf(tokens, count));
      Tensor host = TensorMemory.view(ids, ScalarType.Long, 1, count);
      Tensor logits =
          model
              .nextLogits(host.to(new Device(model.options().device()), ScalarType.Long))
              .cpu()
              .contiguous();
      return TensorMemory.of(logits).toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Override
  public void close() {
    tokens = new long[0];
    count = 0;
  }
}
