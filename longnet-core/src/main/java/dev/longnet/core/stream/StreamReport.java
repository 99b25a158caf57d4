// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

/// How a stream stands.
///
/// @param tokens read so far, by this and earlier runs
/// @param bytes of input so far
/// @param scored tokens that had a past
/// @param nats sum of their losses
/// @param textless sum of the probability that the scored tokens' predictions gave to ids without
///   text, the end of text aside; the losses count it as lost
/// @param recentTokens scored since the report before
/// @param recentNats the same, since the report before
/// @param seconds spent reading, by this and earlier runs
/// @param tokensPerSecond since the report before
/// @param stateBytes what the stream holds
/// @param residentBytes of this process; 0 where the system does not say
/// @param peakResidentBytes its largest so far; 0 where the system does not say
public record StreamReport(
    long tokens,
    long bytes,
    long scored,
    double nats,
    double textless,
    long recentTokens,
    double recentNats,
    double seconds,
    double tokensPerSecond,
    long stateBytes,
    long residentBytes,
    long peakResidentBytes) {
  /// exp of the mean loss of all scored tokens; NaN before the first.
  public double perplexity() {
    return Math.exp(nats / scored);
  }

  /// The same over the tokens since the report before.
  public double recentPerplexity() {
    return Math.exp(recentNats / recentTokens);
  }

  /// Of everything scored, by this and earlier runs; NaN before the first.
  public double meanTokensPerSecond() {
    return scored / seconds;
  }

  /// All losses over all bytes, end-of-text tokens included in the losses.
  public double bitsPerByte() {
    return nats / Math.log(2) / bytes;
  }

  /// Mean probability of ids without text.
  public double textlessShare() {
    return scored == 0 ? 0 : textless / scored;
  }
}
