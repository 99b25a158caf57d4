// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.lm.distributed.PeerLostException;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;

/// How the ranks of a run ended, in the order in which they did.
///
/// @param size how many were started
/// @param log where a rank's output is
/// @param stopped this process was asked to stop
record RanksEnd(List<One> ends, int size, IntFunction<String> log, boolean stopped) {
  RanksEnd {
    ends = List.copyOf(ends);
  }

  /// The graver ones first: a rank that was killed says more than those that lost it.
  enum Kind {
    /// The user's mistake.
    MISTAKE,
    /// The machine's fault, or ours.
    FAULT,
    /// By a signal that nobody of ours sent.
    KILLED,
    /// It lost another rank.
    LOST,
    /// It did not leave within its time.
    DESTROYED,
    /// It was asked to stop, and saved itself.
    STOPPED,
    DONE
  }

  /// @param code 128 and more: a signal
  /// @param destroyed it was ended by us
  record One(int rank, int code, boolean destroyed) {
    Kind kind() {
      return switch (code) {
        case 0 -> Kind.DONE;
        case 2 -> Kind.MISTAKE;
        case PeerLostException.EXIT_CODE -> Kind.LOST;
        case 128 + 1, StopOnInterrupt.EXIT_CODE, 128 + 15 -> Kind.STOPPED;
        default -> destroyed ? Kind.DESTROYED : code > 128 ? Kind.KILLED : Kind.FAULT;
      };
    }

    /// For the user.
    ///
    /// @param size how many ranks there are
    String said(int size) {
      String what =
          switch (kind()) {
            case KILLED -> "was killed by signal " + (code - 128);
            case LOST -> "lost another rank (exit code " + code + ")";
            case DESTROYED, DONE, STOPPED -> "did not end by itself and was killed";
            case MISTAKE, FAULT -> "ended with exit code " + code;
          };
      return String.format(Locale.ROOT, "rank %d of %d %s", rank, size, what);
    }

    /// Whether the others can't go on.
    boolean fatal() {
      return kind() != Kind.DONE && kind() != Kind.STOPPED;
    }
  }

  /// Of a rank; empty where it never ended.
  OptionalInt code(int rank) {
    return ends.stream().filter(e -> e.rank == rank).mapToInt(One::code).findFirst();
  }

  /// What it all came from. Among equals it is the first rank, whose own line a person has seen, or
  /// the one that ended first.
  Optional<One> cause() {
    return ends.stream()
        .min(
            Comparator.comparing(One::kind)
                .thenComparing(e -> e.rank != 0 || e.kind() == Kind.KILLED));
  }

  /// The first rank ends without a fault when all is written: then no other counts.
  private Kind kind() {
    if (code(0).orElse(-1) == 0) {
      return Kind.DONE;
    }
    return ends.size() < size && !stopped
        ? Kind.DESTROYED
        : cause().map(One::kind).orElse(Kind.STOPPED);
  }

  /// What this process ends with.
  int exitCode() {
    return switch (kind()) {
      case MISTAKE -> 2;
      case FAULT -> cause().orElseThrow().code;
      case KILLED, LOST, DESTROYED -> PeerLostException.EXIT_CODE;
      case STOPPED -> StopOnInterrupt.EXIT_CODE;
      case DONE -> 0;
    };
  }

  /// Whether a rank was lost, and others may go on from the last checkpoint.
  boolean lost() {
    Kind kind = kind();
    return kind == Kind.KILLED || kind == Kind.LOST || kind == Kind.DESTROYED;
  }

  /// What a person should hear besides what the first rank said; empty where it said all.
  Optional<String> line() {
    Optional<One> cause = cause();
    if (cause.isEmpty() || kind() == Kind.DONE || kind() == Kind.STOPPED) {
      return Optional.empty();
    }
    One one = cause.get();
    if (one.rank == 0 && one.kind() != Kind.KILLED && one.kind() != Kind.DESTROYED) {
      return Optional.empty();
    }
    return Optional.of(one.said(size) + (one.rank == 0 ? "" : "; its log: " + log.apply(one.rank)));
  }
}
