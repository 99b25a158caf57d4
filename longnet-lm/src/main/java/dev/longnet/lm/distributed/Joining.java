// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// How a process finds the others: each writes who it is to the store, and waits for all.
final class Joining {
  private static final long POLL_MILLIS = 50;

  private final Rendezvous rendezvous;
  private final Board board;

  /// Shown while ranks wait for the last one: one that was lost meanwhile has been silent since.
  private final Signs signs;

  private final Person me;
  private final Person[] present;

  private Joining(Rendezvous rendezvous, Board board, Signs signs, Person me) {
    this.rendezvous = rendezvous;
    this.board = board;
    this.signs = signs;
    this.me = me;
    this.present = new Person[rendezvous.size()];
  }

  /// @return everybody, in the order of ranks
  static List<Person> join(Rendezvous rendezvous, Board board, Signs signs, InetAddress own) {
    Person me = Person.here(rendezvous, own);
    Joining joining = new Joining(rendezvous, board, signs, me);
    try {
      joining.sayWhoIAm();
      return joining.waitForAll();
    } catch (IllegalArgumentException e) {
      joining.tell(new Failure(Failure.Cause.SETTINGS, FieldMessage.of(e).marked(), 0));
      throw e;
    } catch (PeerLostException e) {
      joining.tell(Failure.lost(e));
      throw e;
    } catch (IllegalStateException | EnvironmentException e) {
      throw e;
    } catch (RuntimeException e) {
      throw storeLost(rendezvous, Failure.line(e));
    }
  }

  /// The store was reached, and answers no more: who keeps it has left, or this rank is cut off.
  static PeerLostException storeLost(Rendezvous rendezvous, String reason) {
    return new PeerLostException(
        String.format(
            Locale.ROOT,
            "the store on %s:%d was lost while ranks joined (%s). Read the log of rank 0",
            rendezvous.host(),
            rendezvous.port(),
            reason));
  }

  /// All ranks should say so, not that this one was lost.
  private void tell(Failure failure) {
    try {
      board.setFirst(Signs.FAILURE, failure.encoded());
    } catch (RuntimeException gone) {
      return; // and whoever would read it leaves because of that
    }
    if (rendezvous.serves()) {
      pause(1_500); // the store ends with this process
    }
  }

  private static String who(int rank) {
    return "who/" + rank;
  }

  private void sayWhoIAm() {
    if (board.add("taken/" + me.rank(), 1) > 1) {
      Person other = Person.decoded(board.get(who(me.rank())));
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "two processes are rank %d: process %d on %s and process %d on %s; give each its own",
              me.rank(),
              other.process(),
              other.host(),
              me.process(),
              me.host()));
    }
    board.set(who(me.rank()), me.encoded());
  }

  private List<Person> waitForAll() {
    long deadline = System.nanoTime() + rendezvous.timeout().toNanos();
    long shown = System.nanoTime() - Watch.TICK.toNanos();
    while (true) {
      if (board.has(Signs.FAILURE)) {
        throw Failure.decoded(board.get(Signs.FAILURE)).exception();
      }
      if (System.nanoTime() - shown >= Watch.TICK.toNanos()) {
        shown = System.nanoTime();
        signs
            .exchange(List.of())
            .ifPresent(failure -> {
              throw failure.exception();
            });
      }
      List<Integer> missing = new ArrayList<>();
      for (int rank = 0; rank < present.length; rank++) {
        if (present[rank] == null && board.has(who(rank))) {
          present[rank] = Person.decoded(board.get(who(rank)));
          requireFits(present[rank]);
        }
        if (present[rank] == null) {
          missing.add(rank);
        }
      }
      if (missing.isEmpty()) {
        return List.of(present);
      }
      if (System.nanoTime() > deadline) {
        throw new PeerLostException(
            String.format(
                Locale.ROOT,
                "of %d ranks, %s did not join %s:%d within %d s. Read their logs: they must be given the same address and size",
                present.length,
                missing.stream().map(r -> "rank " + r).collect(Collectors.joining(", ")),
                rendezvous.host(),
                rendezvous.port(),
                rendezvous.timeout().toSeconds()));
      }
      pause(POLL_MILLIS);
    }
  }

  private void requireFits(Person other) {
    if (other.size() != me.size()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "all ranks must be told of the same number of ranks: %s of %d, %s of %d",
              me,
              me.size(),
              other,
              other.size()));
    }
    for (Person one : new Person[] {other, me}) {
      if (!other.host().equals(me.host()) && isLoopback(one.address())) {
        throw new FieldException(
            "%s listens on %s, which other machines do not reach: name the interface that they do, %s",
            one, one.address(), Field.of("bind"));
      }
    }
    if (IntStream.range(0, present.length)
        .anyMatch(
            r -> present[r] != null && r != other.rank() && present[r].keeps() && other.keeps())) {
      throw new IllegalArgumentException("only one rank keeps the store, " + other + " does too");
    }
  }

  private static boolean isLoopback(String address) {
    try {
      return InetAddress.getByName(address).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new EnvironmentException(address + " is no address", e);
    }
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PeerLostException("interrupted while waiting for other ranks", e);
    }
  }
}
