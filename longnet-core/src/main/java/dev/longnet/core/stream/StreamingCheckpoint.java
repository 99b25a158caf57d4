// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.data.Tokenizer;
import java.io.IOException;

/// A checkpoint opened for streaming, float32 or int8. Needs no libtorch. Whoever opened it closes
/// it, after its streams.
public record StreamingCheckpoint(StreamingModel model, Tokenizer tokenizer)
    implements AutoCloseable {
  /// @throws IllegalArgumentException when the checkpoint's tensors do not fit its configuration,
  ///   or its model is an encoder
  public static StreamingCheckpoint open(Checkpoint checkpoint, StreamOptions options)
      throws IOException {
    Tokenizer tokenizer = checkpoint.loadTokenizer();
    return new StreamingCheckpoint(
        StreamingModel.load(checkpoint.model(), checkpoint.weights(), options), tokenizer);
  }

  @Override
  public void close() {
    model.close();
  }
}
