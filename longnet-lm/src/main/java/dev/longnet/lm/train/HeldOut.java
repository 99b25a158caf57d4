// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.data.TokenStream;
import dev.longnet.lm.model.Decoder;
import org.bytedeco.javacpp.PointerScope;

/// The validation loss while training: windows spread evenly over the held-out stream, of one length
/// always the same ones.
final class HeldOut implements Trainer.Validation, AutoCloseable {
  private final Decoder model;
  private final TokenStream stream;
  private final long wanted;
  private TokenBuffer tokens;
  private int window;

  /// @param wanted tokens to measure on, as far as the stream has them
  HeldOut(Decoder model, TokenStream stream, long wanted) {
    this.model = model;
    this.stream = stream;
    this.wanted = wanted;
    this.tokens = buffer();
  }

  private TokenBuffer buffer() {
    return new TokenBuffer(1, window + 1, model.options().device());
  }

  /// NaN where nothing is held out.
  @Override
  public double loss(int longest) {
    long usable = Math.max(0, stream.size() - 1);
    int fit = (int) Math.min(longest, usable);
    if (fit != window) {
      tokens.close();
      window = fit;
      tokens = buffer();
    }
    long windows = window == 0 ? 0 : Math.clamp(wanted / window, 1, usable / window);
    double sum = 0;
    for (long i = 0; i < windows; i++) {
      long room = usable - window;
      stream.copy(windows == 1 ? 0 : i * room / (windows - 1), window + 1, tokens.row(0));
      try (PointerScope scope = new PointerScope()) {
        sum += model.losses(tokens.tensor()).mean().item_double();
      }
    }
    return sum / windows;
  }

  @Override
  public void close() {
    tokens.close();
  }
}
