// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.evaluate.Scorer;
import dev.longnet.core.evaluate.Sharing;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.Ranks;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A decoder's forward pass as a [Scorer]. The model stays its owner's to close.
///
/// @param ranks that score together, each with the same weights
public record DecoderScorer(Decoder model, Ranks ranks) implements Scorer {
  @Override
  public Sharing sharing() {
    return new RanksSharing(ranks);
  }

  @Override
  public int vocabulary() {
    return model.config().vocabulary();
  }

  @Override
  public float[] losses(long[] windows, int batch, int tokens) {
    return shared(windows, batch, tokens, new int[0]).losses();
  }

  @Override
  public Shared shared(long[] windows, int batch, int tokens, int[] ids) {
    try (Arena arena = Arena.ofConfined();
        TorchThreads _ = model.threads();
        PointerScope _ = new PointerScope()) {
      Span span = ranks.span(tokens);
      Device device = new Device(model.options().device());
      Tensor inputs = numbers(arena, windows, batch, span.tokens() + 1).to(device, ScalarType.Long);
      Tensor wanted = null;
      Tensor share = null;
      if (ids.length > 0) {
        long[] wide = Arrays.stream(ids).asLongStream().toArray();
        wanted = numbers(arena, wide, wide.length).to(device, ScalarType.Long);
        share = numbers(arena, new long[1], 1).to(device, ScalarType.Double);
      }
      Tensor losses = model.losses(inputs, span, wanted, share).cpu().contiguous();
      return new Shared(
          TensorMemory.of(losses).toArray(ValueLayout.JAVA_FLOAT),
          share == null ? 0 : share.item_double());
    }
  }

  private static Tensor numbers(Arena arena, long[] values, long... shape) {
    MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_LONG, values);
    return TensorMemory.view(memory, ScalarType.Long, shape);
  }
}
