// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

/// A rank was killed, cut off, or gave up. The message is one line for the user: which rank, on
/// which host, during what, and what to do.
public final class PeerLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// The exit code of a process that ends because another rank did: "try again later" of BSD's
  /// sysexits.h, and nothing else of ours.
  public static final int EXIT_CODE = 75;

  public PeerLostException(String message) {
    super(message);
  }

  public PeerLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
