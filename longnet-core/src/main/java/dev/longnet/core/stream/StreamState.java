package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.NativeFloats;

/// What one stream remembers: how many tokens it has read, the keys and values later tokens may
/// still attend to, and the last token's hidden row, from which the next token is scored. Belongs
/// to one model; used by one thread at a time. Closing frees it.
public final class StreamState implements AutoCloseable {
  final StreamingModel model;

  /// [layer][holding]
  final RowCache[][] caches;

  /// [C], meaningless before the first token.
  final NativeFloats hidden;

  long position;

  /// What the decay of cached keys is relative to ([Rotation]).
  long reference;

  StreamState(StreamingModel model) {
    this.model = model;
    int layers = model.config().layers();
    caches = new RowCache[layers][];
    for (int layer = 0; layer < layers; layer++) {
      caches[layer] =
          model.holdings().stream()
              .map(h ->
                  new RowCache(model.config().heads(), model.config().headSize(), h.mostRows()))
              .toArray(RowCache[]::new);
    }
    hidden = new NativeFloats(model.config().hidden());
  }

  /// Tokens read so far.
  public long position() {
    return position;
  }

  /// Off-heap bytes this stream holds now.
  public long bytes() {
    long sum = hidden.bytes();
    for (RowCache[] layer : caches) {
      for (RowCache cache : layer) {
        sum += cache.bytes();
      }
    }
    return sum;
  }

  @Override
  public void close() {
    hidden.close();
    for (RowCache[] layer : caches) {
      for (RowCache cache : layer) {
        cache.close();
      }
    }
  }
}
