// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

/// Counts a rank's traffic. An exchange counts as under way from its start until its caller begins
/// to wait for it, even if all bytes came before.
final class Meter {
  private long bytes;
  private long exposed;
  private long hidden;
  private int underWay;
  private long since;

  synchronized void sent(long bytesToOthers) {
    bytes += bytesToOthers;
  }

  synchronized void started(long bytesToOthers) {
    bytes += bytesToOthers;
    if (underWay++ == 0) {
      since = System.nanoTime();
    }
  }

  /// The caller waits from now on.
  synchronized void waiting() {
    long now = System.nanoTime();
    hidden += now - since;
    since = now;
  }

  /// An exchange is over; the caller works again.
  synchronized void ended() {
    long now = System.nanoTime();
    exposed += now - since;
    since = now;
    underWay--;
  }

  synchronized Collectives.Traffic take() {
    var traffic = new Collectives.Traffic(bytes, exposed * 1e-9, hidden * 1e-9);
    bytes = 0;
    exposed = 0;
    hidden = 0;
    return traffic;
  }
}
