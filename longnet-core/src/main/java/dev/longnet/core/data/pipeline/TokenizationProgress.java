// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

/// Where a build stands.
///
/// @param fraction of the sources read, in [0, 1]
/// @param documents, bytes, tokens in the shards so far
/// @param bytesThisRun of text that went through since this process started
/// @param fractionAtStart where an interrupted build was taken up
/// @param seconds since this process started
/// @param secondsAtStart of them, those that passed before an interrupted build was taken up
/// @param passingOver whether what is read now is an interrupted build's work, not to be done again
public record TokenizationProgress(
    double fraction,
    long documents,
    long bytes,
    long tokens,
    long bytesThisRun,
    double fractionAtStart,
    double seconds,
    double secondsAtStart,
    boolean passingOver) {

  /// Of text, 10^6 bytes.
  public double megabytesPerSecond() {
    return seconds <= 0 ? 0 : bytesThisRun / 1e6 / seconds;
  }

  /// Expected time until the end; infinite before anything is known.
  public double secondsLeft() {
    double done = fraction - fractionAtStart;
    return done <= 0
        ? Double.POSITIVE_INFINITY
        : (seconds - secondsAtStart) * (1 - fraction) / done;
  }
}
