// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.data.TokenStream;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Span;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The validation loss while training: windows spread evenly over the held-out stream, of one
/// length always the same ones. Ranks share them as they share those of a step.
final class HeldOut implements Trainer.Validation, AutoCloseable {
  private static final ScalarTypeOptional SUM_TYPE =
      new ScalarTypeOptional(ScalarType.Double).retainReference();

  private final Decoder model;
  private final TokenStream stream;
  private final long wanted;
  private final Ranks ranks;
  private TokenBuffer tokens;
  private Span span = Span.whole(0);

  /// @param wanted tokens to measure on, as far as the stream has them
  HeldOut(Decoder model, TokenStream stream, long wanted, Ranks ranks) {
    this.model = model;
    this.stream = stream;
    this.wanted = wanted;
    this.ranks = ranks;
    this.tokens = buffer();
  }

  private TokenBuffer buffer() {
    return new TokenBuffer(1, Math.toIntExact(span.tokens() + 1), model.options().device());
  }

  /// NaN where nothing is held out.
  @Override
  public double loss(int longest) {
    long usable = Math.max(0, stream.size() - 1);
    long window = Math.min(longest, usable);
    if (window != span.window()) {
      tokens.close();
      span = ranks.span(window);
      tokens = buffer();
    }
    long windows = window == 0 ? 0 : Math.clamp(wanted / window, 1, usable / window);
    Slice own = ranks.windows(windows);
    double sum = 0;
    // Groups with fewer windows than others wait as often as these.
    long passes = Math.ceilDiv(windows, (long) ranks.groups());
    for (long i = own.first(); i < own.first() + passes; i++) {
      if (i >= own.end()) {
        model.standBy(false);
        continue;
      }
      long room = usable - window;
      long start = windows == 1 ? 0 : i * room / (windows - 1);
      stream.copy(start + span.first(), Math.toIntExact(span.tokens() + 1), tokens.row(0));
      try (PointerScope scope = new PointerScope()) {
        sum += model.losses(tokens.tensor(), span).sum(SUM_TYPE).item_double();
      }
    }
    return ranks.sum(sum) / (windows * window);
  }

  @Override
  public void close() {
    tokens.close();
  }
}
