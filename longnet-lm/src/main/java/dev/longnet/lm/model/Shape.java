package dev.longnet.lm.model;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// B sequences of N tokens, and the chunks their token-wise work runs in.
record Shape(long batch, long tokens, List<Chunk> chunks) {

  static Shape of(long batch, long tokens, int chunk) {
    return new Shape(batch, tokens, Chunk.split(batch, tokens, chunk));
  }

  /// An uninitialised buffer [B, N, H, D].
  Tensor headed(Workspace workspace, ScalarType type, int heads, int hidden) {
    return workspace.take(type, batch, tokens, heads, hidden / heads);
  }
}
