// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Where ranks that are threads of one process meet. Each rank counts its meetings; meeting number
/// n of one rank is meeting n of all.
final class ThreadHub {
  /// The lock of a hub and of all that were split from it; they fail together.
  static final class Fate {
    private final Consumer<Failure> told;
    private @Nullable Failure failure;

    /// @param told of the first failure
    Fate(Consumer<Failure> told) {
      this.told = told;
    }

    void fail(Failure why) {
      synchronized (this) {
        if (failure != null) {
          return;
        }
        failure = why;
        notifyAll();
      }
      told.accept(why);
    }

    synchronized void check() {
      if (failure != null) {
        throw failure.exception();
      }
    }
  }

  /// One operation of all ranks.
  static final class Meeting {
    private final long number;
    private final Kind kind;
    private final @Nullable Object[] words;
    private int came;
    private int left;
    private @Nullable Object result;

    private Meeting(long number, Kind kind, int size) {
      this.number = number;
      this.kind = kind;
      this.words = new Object[size];
    }
  }

  /// How long a thread is waited for when nobody says otherwise. One that closes its group, gives
  /// up or fails ends the others' waits at once, so this is only for one that hangs: long work,
  /// such as a checkpoint or an evaluation, must fit.
  static final Duration TIMEOUT = Duration.ofDays(1);

  final Fate fate;
  private final int size;
  private final int firstRank;
  private final Duration timeout;
  private final Map<Long, Meeting> meetings = new HashMap<>();
  private final boolean[] gone;

  /// @param firstRank what the first rank is called in messages
  /// @param timeout of every wait
  ThreadHub(Fate fate, int size, int firstRank, Duration timeout) {
    this.fate = fate;
    this.size = size;
    this.firstRank = firstRank;
    this.timeout = timeout;
    this.gone = new boolean[size];
  }

  int size() {
    return size;
  }

  int firstRank() {
    return firstRank;
  }

  Duration timeout() {
    return timeout;
  }

  /// Comes to a meeting with a word for the others, and waits for nobody. Whoever comes last makes
  /// the result of all words, before this returns.
  Meeting come(
      int rank, long number, Kind kind, Object word, Function<@Nullable Object[], Object> last) {
    Meeting meeting;
    boolean isLast;
    synchronized (fate) {
      fate.check();
      meeting = meetings.computeIfAbsent(number, n -> new Meeting(n, kind, size));
      if (meeting.kind != kind) {
        fate.fail(
            Failure.mismatch(
                String.format(
                    Locale.ROOT,
                    "rank %d came to %s, others to %s",
                    firstRank + rank,
                    kind.number(number),
                    meeting.kind.number(number))));
        fate.check();
      }
      meeting.words[rank] = word;
      isLast = ++meeting.came == size;
    }
    if (isLast) {
      try {
        Object result = last.apply(meeting.words);
        synchronized (fate) {
          meeting.result = result;
          fate.notifyAll();
        }
      } catch (RuntimeException | Error e) {
        fate.fail(Failure.of(firstRank + rank, e));
        throw e;
      }
    }
    return meeting;
  }

  /// Waits for the result.
  Object result(Meeting meeting) {
    await(meeting, () -> meeting.result != null, () -> missing(meeting, _ -> true));
    Object result = meeting.result;
    if (result == null) {
      throw new AssertionError(meeting.number);
    }
    return result;
  }

  /// This rank needs nothing of the others any more.
  void leave(Meeting meeting) {
    synchronized (fate) {
      if (++meeting.left == size) {
        meetings.remove(meeting.number);
      }
      fate.notifyAll();
    }
  }

  /// Waits until nobody needs anything of this rank any more.
  void awaitAllLeft(Meeting meeting) {
    await(meeting, () -> meeting.left == size, () -> "others");
  }

  /// A meeting from its beginning to its end.
  Object meet(
      int rank, long number, Kind kind, Object word, Function<@Nullable Object[], Object> last) {
    Meeting meeting = come(rank, number, kind, word, last);
    Object result = result(meeting);
    leave(meeting);
    return result;
  }

  /// The rank will come to no meeting any more.
  ///
  /// @return true once: to the rank with which all have closed
  boolean close(int rank) {
    synchronized (fate) {
      if (gone[rank]) {
        return false;
      }
      gone[rank] = true;
      fate.notifyAll();
      return IntStream.range(0, size).allMatch(i -> gone[i]);
    }
  }

  /// Who has not come, of some ranks; empty if they all have.
  private String missing(Meeting meeting, IntPredicate some) {
    return IntStream.range(0, size)
        .filter(i -> meeting.words[i] == null)
        .filter(some)
        .mapToObj(i -> "rank " + (firstRank + i))
        .collect(Collectors.joining(", "));
  }

  private void await(Meeting meeting, BooleanSupplier done, Supplier<String> who) {
    long deadline = System.nanoTime() + timeout.toNanos();
    synchronized (fate) {
      while (!done.getAsBoolean()) {
        fate.check();
        String ended = missing(meeting, i -> gone[i]);
        long left = (deadline - System.nanoTime()) / 1_000_000;
        if (!ended.isEmpty() || left <= 0) {
          String what =
              ended.isEmpty()
                  ? who.get() + " did not come within " + timeout + " to "
                  : ended + " ended before ";
          fate.fail(Failure.lost(what + meeting.kind.number(meeting.number)));
          continue;
        }
        try {
          fate.wait(left);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          String what = "a rank was interrupted in " + meeting.kind.number(meeting.number);
          fate.fail(Failure.lost(what));
        }
      }
    }
  }

  /// All words of a meeting, once it has a result.
  static <T> T[] words(Meeting meeting, Class<T[]> type) {
    return Arrays.copyOf(meeting.words, meeting.words.length, type);
  }
}
