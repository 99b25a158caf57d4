// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// What ranks show one another in the store: counters that go up every second, and their last
/// operations.
final class Signs {
  /// Where the first failure is written.
  static final String FAILURE = "failure";

  /// Shorter silence says nothing: a busy machine's beats come late.
  static final Duration LEAST_SILENCE = Duration.ofSeconds(5);

  private final Board board;
  private final int rank;
  private final Duration timeout;
  private final Turns turns;
  private final long[] counters;
  private final long[] changed;

  /// For how long each rank's counter was seen to stand still. Not the time since it changed: this
  /// process may have been stopped itself.
  private final long[] silent;

  /// What this process knows of other ranks' operations, by key.
  private final Map<String, List<Journal.Entry>> journals = new HashMap<>();

  /// Whose journals are read next, by group.
  private final Map<String, Turns> journalTurns = new HashMap<>();

  private volatile String boardReason = "";

  /// @param rank of this process among all
  /// @param timeout after which silence counts
  Signs(Board board, int rank, int size, Duration timeout) {
    this.board = board;
    this.rank = rank;
    this.timeout = timeout;
    this.turns = new Turns(size, timeout);
    this.counters = new long[size];
    this.silent = new long[size];
    this.changed = new long[size];
    Arrays.fill(changed, System.nanoTime());
  }

  /// Shows this rank's signs and reads the others'.
  ///
  /// @return the failure that a rank has written
  Optional<Failure> exchange(List<GlooGroup> groups) {
    board.add(alive(rank), 1);
    for (GlooGroup group : groups) {
      group.journal.news().ifPresent(news -> board.set(journal(group, rank), news));
    }
    if (board.has(FAILURE)) {
      return Optional.of(Failure.decoded(board.get(FAILURE)));
    }
    for (int i : turns.take()) {
      long counter = board.add(alive(i), 0);
      long now = System.nanoTime();
      if (counter != counters[i]) {
        counters[i] = counter;
        changed[i] = now;
      }
      silent[i] = now - changed[i];
    }
    return Optional.empty();
  }

  static String alive(int rank) {
    return "alive/" + rank;
  }

  private static String journal(GlooGroup group, int rank) {
    return "journal" + group.name + "/" + rank;
  }

  /// Whether a rank has shown no sign of life for the timeout, and for five seconds at least.
  boolean isSilent(int ofAll) {
    return silent[ofAll] > Math.max(timeout.toNanos(), LEAST_SILENCE.toNanos());
  }

  /// How long a rank has not shown a sign of life.
  long silentSeconds(int ofAll) {
    return silent[ofAll] / 1_000_000_000;
  }

  void boardEnded(String reason) {
    boardReason = reason;
  }

  /// Why the store does not answer any more; empty while it does.
  String boardReason() {
    return boardReason;
  }

  /// The last operation that a rank of the group has shown.
  Optional<Journal.Entry> last(GlooGroup group, int member) {
    List<Journal.Entry> known =
        journals.getOrDefault(journal(group, group.people.get(member).rank()), List.of());
    return known.isEmpty() ? Optional.empty() : Optional.of(known.getLast());
  }

  /// Whether another rank of the group does something else in the operation that this one waits
  /// for. Reads some of their journals.
  Optional<Failure> mismatch(GlooGroup group, GlooExchange mine) {
    Optional<Journal.Entry> own = group.journal.entry(mine.number);
    Turns members = journalTurns.computeIfAbsent(group.name, _ -> new Turns(group.size(), timeout));
    for (int member : members.take()) {
      String key = journal(group, group.people.get(member).rank());
      if (member == group.rank() || own.isEmpty() || !board.has(key)) {
        continue;
      }
      List<Journal.Entry> theirs = Journal.decoded(board.get(key));
      journals.put(key, theirs);
      for (Journal.Entry other : theirs) {
        if (other.number() == mine.number) {
          Optional<String> difference = difference(group, own.get(), member, other);
          if (difference.isPresent()) {
            return Optional.of(Failure.mismatch(difference.get()));
          }
        }
      }
    }
    return Optional.empty();
  }

  private static Optional<String> difference(
      GlooGroup group, Journal.Entry own, int member, Journal.Entry other) {
    Person me = group.people.get(group.rank());
    Person you = group.people.get(member);
    if (own.kind() != other.kind()) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "ranks do different things: %s is at %s, %s at %s",
              me,
              group.said(own.kind(), own.number()),
              you,
              group.said(other.kind(), other.number())));
    }
    String during = group.said(own.kind(), own.number());
    long sent = own.sends()[member];
    long expected = other.receives()[group.rank()];
    if (sent != expected) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "ranks disagree in %s: %s sends %d bytes to %s, which expects %d",
              during,
              me,
              sent,
              you,
              expected));
    }
    sent = other.sends()[group.rank()];
    expected = own.receives()[member];
    if (sent != expected) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "ranks disagree in %s: %s sends %d bytes to %s, which expects %d",
              during,
              you,
              sent,
              me,
              expected));
    }
    return Optional.empty();
  }
}
