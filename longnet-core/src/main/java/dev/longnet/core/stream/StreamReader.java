// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

/// A stream as generation sees it: a prompt goes through in chunks, a single token through the
/// decode path.
public final class StreamReader implements NextToken {
  private final StreamSession session;
  private final StreamState state;

  /// @param state closed with this; the session is not
  public StreamReader(StreamSession session, StreamState state) {
    this.session = session;
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
    session.read(state, tokens, 0, tokens.length);
    float[] logits = new float[session.model().config().vocabulary()];
    session.logits(state, logits);
    return logits;
  }

  @Override
  public void close() {
    state.close();
  }
}
