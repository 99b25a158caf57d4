// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.evaluate.Scorer;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A decoder's forward pass as a [Scorer]. The model stays its owner's to close.
record DecoderScorer(Decoder model) implements Scorer {
  @Override
  public float[] losses(long[] windows, int batch, int tokens) {
    try (Arena arena = Arena.ofConfined();
        TorchThreads _ = Torch.threads(model.options().threads());
        PointerScope _ = new PointerScope()) {
      MemorySegment ids = arena.allocateFrom(ValueLayout.JAVA_LONG, windows);
      Tensor host = TensorMemory.view(ids, ScalarType.Long, batch, tokens + 1);
      Tensor losses =
          model
              .losses(host.to(new Device(model.options().device()), ScalarType.Long))
              .cpu()
              .contiguous();
      return TensorMemory.of(losses).toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
