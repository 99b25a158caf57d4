// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.attention.Workers;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.SequenceShards;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Attention of windows that lie on several ranks, by brute force: each rank gathers all rows,
/// computes whole windows, and keeps its part. What a clever exchange is compared with.
record GatheredAttention(AttentionOperator whole, SequenceShards shards)
    implements AttentionOperator {
  @Override
  public AttentionOperator over(Span span) {
    return new Part(span.window());
  }

  @Override
  public AttentionOperator on(Workers workers) {
    return new GatheredAttention(whole.on(workers), shards);
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    return whole.forward(q, k, v);
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    return whole.backward(q, k, v, output, gradOut);
  }

  @Override
  public String describe() {
    return whole.describe();
  }

  private final class Part implements AttentionOperator {
    private final long window;
    private final Span span;

    Part(long window) {
      this.window = window;
      this.span = shards.span(window);
    }

    @Override
    public Output forward(Tensor q, Tensor k, Tensor v) {
      Output all = whole.forward(gather(q), gather(k), gather(v));
      return new Output(own(all.out()), all.lse().narrow(2, span.first(), span.tokens()));
    }

    @Override
    public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
      Tensor lse = output.lse().unsqueeze(3).transpose(1, 2).contiguous();
      Output all =
          new Output(gather(output.out()), gather(lse).transpose(1, 2).squeeze(3).contiguous());
      Gradients gradients = whole.backward(gather(q), gather(k), gather(v), all, gather(gradOut));
      return new Gradients(own(gradients.gradQ()), own(gradients.gradK()), own(gradients.gradV()));
    }

    private Tensor own(Tensor all) {
      return all.narrow(1, span.first(), span.tokens());
    }

    /// Of all ranks, [B, N, H, D] of [B, n, H, D].
    private Tensor gather(Tensor part) {
      long row = part.size(0) * part.size(2) * part.size(3) * part.element_size();
      long[] sent = new long[shards.shards()];
      Arrays.fill(sent, row * part.size(1));
      long[] boundaries = shards.boundaries(window);
      long[] received = new long[shards.shards()];
      Arrays.setAll(received, i -> row * (boundaries[i + 1] - boundaries[i]));
      try (Arena arena = Arena.ofShared()) {
        MemorySegment send = arena.allocate(Math.max(1, row * part.size(1) * shards.shards()), 64);
        try (PointerScope _ = new PointerScope()) {
          MemorySegment own = TensorMemory.of(part.contiguous());
          for (int i = 0; i < shards.shards(); i++) {
            MemorySegment.copy(own, 0, send, i * own.byteSize(), own.byteSize());
          }
        }
        MemorySegment receive = arena.allocate(row * window, 64);
        shards.exchange().start(send, sent, receive, received).await();
        TensorVector parts = new TensorVector();
        long at = 0;
        for (int i = 0; i < shards.shards(); i++) {
          parts.push_back(
              TensorMemory.view(
                      receive.asSlice(at, received[i]),
                      part.scalar_type().intern(),
                      part.size(0),
                      boundaries[i + 1] - boundaries[i],
                      part.size(2),
                      part.size(3))
                  .clone());
          at += received[i];
        }
        return torch.cat(parts, 1);
      }
    }

    @Override
    public String describe() {
      return whole.describe();
    }
  }
}
