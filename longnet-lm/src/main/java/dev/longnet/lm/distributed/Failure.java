// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static java.nio.charset.StandardCharsets.UTF_8;

/// Why a group is of no use any more.
///
/// @param message one line
/// @param gone how many ranks will never read it
record Failure(Cause cause, String message, int gone) {
  enum Cause {
    /// A rank was killed, cut off, or gave up.
    LOST,
    /// Ranks called different things: our mistake.
    MISMATCH,
    /// Ranks were started with settings that do not fit together.
    SETTINGS
  }

  static Failure lost(String message) {
    return lost(message, 0);
  }

  static Failure lost(String message, int gone) {
    return new Failure(Cause.LOST, message, gone);
  }

  static Failure mismatch(String message) {
    return new Failure(Cause.MISMATCH, message, 0);
  }

  /// What the others are told when `e` ended rank `rank`.
  static Failure of(int rank, Throwable e) {
    return switch (e) {
      case PeerLostException _ -> lost(line(e));
      case IllegalStateException _ -> mismatch(line(e));
      default -> lost("rank " + rank + " gave up: " + line(e));
    };
  }

  /// A new one for each thread that throws it.
  RuntimeException exception() {
    return switch (cause) {
      case LOST -> new PeerLostException(message);
      case MISMATCH -> new IllegalStateException(message);
      case SETTINGS -> new IllegalArgumentException(message);
    };
  }

  /// The first line of an exception's message.
  static String line(Throwable e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    return message.lines().findFirst().orElse("").strip();
  }

  byte[] encoded() {
    return (cause + " " + gone + " " + message).getBytes(UTF_8);
  }

  static Failure decoded(byte[] encoded) {
    String[] words = new String(encoded, UTF_8).split(" ", 3);
    return new Failure(Cause.valueOf(words[0]), words[2], Integer.parseInt(words[1]));
  }
}
