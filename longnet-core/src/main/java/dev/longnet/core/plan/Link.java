// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import java.util.Locale;

/// What a rank's messages travel over, in one direction.
///
/// @param latency seconds a message takes besides its bytes
/// @param bytesPerSecond that arrive at a rank, from all others together
public record Link(double latency, double bytesPerSecond) {
  public Link {
    if (!(latency >= 0) || !(bytesPerSecond > 0)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a link needs a latency of at least 0 s and a bandwidth above 0: latency=%s, bytes_per_second=%s",
              latency,
              bytesPerSecond));
    }
  }

  /// The link on which two exchanges took as long as they did; a larger one that is not slower
  /// shows no bandwidth, so its own bytes in its own time are taken.
  ///
  /// @param smallBytes that one rank received
  public static Link through(
      double smallBytes, double smallSeconds, double largeBytes, double largeSeconds) {
    double slope = (largeBytes - smallBytes) / (largeSeconds - smallSeconds);
    double bandwidth = largeSeconds > smallSeconds && slope > 0 ? slope : largeBytes / largeSeconds;
    return new Link(Math.max(0, smallSeconds - smallBytes / bandwidth), bandwidth);
  }

  /// Seconds until so many bytes have come in so many messages; 0 without messages.
  double seconds(double bytes, double messages) {
    return messages == 0 ? 0 : latency * messages + bytes / bytesPerSecond;
  }

  Link faster(double factor) {
    return new Link(latency / factor, bytesPerSecond * factor);
  }
}
