package dev.longnet.core.stream;

/// A stream as generation sees it: a prompt goes through in chunks, a single token through the
/// decode path.
public final class StreamReader implements NextToken {
  private final StreamingModel model;
  private final StreamState state;

  /// @param state closed with this; its model is not
  public StreamReader(StreamingModel model, StreamState state) {
    this.model = model;
    this.state = state;
  }

  public StreamState state() {
    return state;
  }

  @Override
  public float[] read(int[] tokens) {
    if (tokens.length == 0 && state.position() == 0) {
      throw new IllegalArgumentException("the prompt must hold at least one token");
    }
    model.read(state, tokens, 0, tokens.length);
    float[] logits = new float[model.config().vocabulary()];
    model.logits(state, logits);
    return logits;
  }

  @Override
  public void close() {
    state.close();
  }
}
