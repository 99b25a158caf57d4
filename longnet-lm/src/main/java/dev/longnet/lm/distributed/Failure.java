// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;

/// Why a group is of no use any more.
///
/// @param message one line, whose fields are marked, see [FieldMessage#marked]
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

  static Failure lost(PeerLostException known) {
    return lost(known.message(FieldMessage::mark));
  }

  /// @param who a rank, for messages
  static Failure gaveUp(String who, FieldMessage why) {
    return lost(who + " gave up: " + why.marked());
  }

  static Failure mismatch(String message) {
    return new Failure(Cause.MISMATCH, message, 0);
  }

  /// What the others are told when `e` ended rank `rank`.
  static Failure of(int rank, Throwable e) {
    return switch (e) {
      case PeerLostException known -> lost(known);
      case IllegalStateException _ -> mismatch(line(e));
      default -> gaveUp("rank " + rank, FieldMessage.of(e));
    };
  }

  /// A new one for each thread that throws it.
  RuntimeException exception() {
    return switch (cause) {
      case LOST -> new PeerLostException(FieldMessage.ofMarked(message), null);
      case MISMATCH -> new IllegalStateException(message);
      case SETTINGS -> new FieldException(FieldMessage.ofMarked(message), null);
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
