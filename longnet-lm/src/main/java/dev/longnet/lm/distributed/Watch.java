// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.FieldMessage;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A process's thread that shows the others a sign of life, looks for theirs, and finds out what is
/// wrong. It alone talks to the store: such a call may hang, and nobody who knows of a failure
/// waits for it longer than a few seconds. A second thread ends the others' waits when the call has
/// hung for the timeout.
///
/// A rank that is silent for the timeout is lost, whether this one waits for it or works. One that
/// shows signs of life is waited for longer, as [Rendezvous#patience] says, unless all ranks wait.
///
/// Who finds a failure writes it to the store, the first writer wins, and closes his connections
/// only then. So all ranks say the same, and a rank that ends because of another is not blamed.
final class Watch {
  private static final Logger LOG = System.getLogger(Watch.class.getName());
  private static final long SECOND = 1_000_000_000;

  // A rank leaves within the timeout and five seconds. What may follow the timeout, in this order:
  // two ticks until it is seen, LINGER, NOTICE; or SETTLE; or, where Gloo connects,
  // GlooCollectives.CONNECTED.
  static final Duration TICK = Duration.ofSeconds(1);

  /// How long the keeper of the store lets the others read why it ends.
  static final Duration LINGER = Duration.ofMillis(1_500);

  /// How long a rank that works may take to notice a loss in its next exchange.
  static final Duration NOTICE = Duration.ofSeconds(1);

  /// How long a rank that noticed a loss waits until all could read it.
  static final Duration SETTLE = Duration.ofSeconds(4);

  /// A call of the store that takes longer is given up.
  private static final long HANGS = 2 * SECOND;

  /// What a rank is in when it is in no exchange.
  static final String OWN_WORK = "its own work";

  /// Counts the ranks that have waited longer than the timeout.
  private static final String WAITING = "waiting";

  private final Board board;
  private final Signs signs;
  private final Evidence evidence;
  private final Person me;
  private final int size;
  private final Duration timeout;
  private final Duration patience;
  private final List<GlooGroup> groups = new CopyOnWriteArrayList<>();
  private final LinkedBlockingQueue<Suspicion> suspicions = new LinkedBlockingQueue<>();
  private final Object lock = new Object();
  private final Thread thread;

  /// Held while it is done: who takes another action knows that the one before is not under way.
  private final Object telling = new Object();

  private @Nullable Consumer<FieldMessage> whenLost;
  private boolean told;
  private @Nullable Failure failure;
  private boolean settled;
  private boolean severed;
  private volatile boolean stopped;
  private volatile boolean boardAnswers = true;
  private volatile long callSince;

  /// What this rank has waited for longer than the timeout.
  private @Nullable GlooExchange overdue;

  /// In how many looks in a row all ranks did so.
  private int allWaiting;

  /// @param board a connection of its own
  /// @param signs over that connection
  Watch(Board board, Signs signs, List<Person> people, Person me, Rendezvous rendezvous) {
    this.board = board;
    this.me = me;
    this.size = people.size();
    this.timeout = rendezvous.timeout();
    this.patience = rendezvous.patience();
    this.signs = signs;
    this.evidence = new Evidence(signs, people, me, rendezvous);
    this.thread = Thread.ofPlatform().daemon().name("longnet-ranks-watch").unstarted(this::run);
    thread.start();
    Thread.ofPlatform().daemon().name("longnet-ranks-guard").start(this::guard);
  }

  void add(GlooGroup group) {
    groups.add(group);
    check();
  }

  void remove(GlooGroup group) {
    groups.remove(group);
  }

  List<GlooGroup> groups() {
    return groups;
  }

  /// How long a wait may take; the watch ends it before.
  long patienceMillis() {
    return patience.toMillis() + 10_000;
  }

  boolean hasFailed() {
    synchronized (lock) {
      return failure != null;
    }
  }

  private boolean isSettled() {
    synchronized (lock) {
      return settled;
    }
  }

  /// @throws RuntimeException the failure, if there is one
  void check() {
    Failure known;
    synchronized (lock) {
      known = failure;
    }
    if (known != null) {
      throw known.exception();
    }
  }

  /// As [Collectives#whenLost].
  void whenLost(@Nullable Consumer<FieldMessage> action) {
    synchronized (telling) {
      whenLost = action;
    }
    if (hasFailed()) {
      tell();
    }
  }

  private void tell() {
    Failure known;
    synchronized (lock) {
      known = failure;
    }
    synchronized (telling) {
      if (told || whenLost == null || known == null || known.cause() != Failure.Cause.LOST) {
        return;
      }
      told = true;
    }
    FieldMessage line = FieldMessage.ofMarked(known.message());
    Thread.ofPlatform().daemon().name("longnet-ranks-lost").start(() -> tell(line));
  }

  /// Whoever is about to exchange hears of it there, whoever needs no other rank any more says so.
  private void tell(FieldMessage line) {
    try {
      Thread.sleep(NOTICE);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    synchronized (telling) {
      Consumer<FieldMessage> action = whenLost;
      whenLost = null;
      if (action != null) {
        action.accept(line);
      }
    }
  }

  /// Waits a moment for what the watch will find, and for all to read it.
  ///
  /// @param end of the moment, three seconds later at most
  /// @throws RuntimeException the failure, if there is one then
  void awaitFailure(long end) {
    long deadline = Math.min(end, System.nanoTime() + 3 * SECOND);
    while (!isSettled() && System.nanoTime() < deadline) {
      try {
        Thread.sleep(50);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    check();
  }

  /// Ends the group because of what this thread noticed.
  ///
  /// @return what to throw, once all ranks could read it
  RuntimeException suspect(Suspicion suspicion) {
    suspicions.add(suspicion);
    return settle(suspicion);
  }

  /// Waits until a failure that is known is settled.
  RuntimeException failed() {
    return settle(null);
  }

  private RuntimeException settle(@Nullable Suspicion suspicion) {
    long deadline = System.nanoTime() + SETTLE.toNanos();
    synchronized (lock) {
      while (!settled) {
        long since = callSince;
        boolean hangs = since != 0 && System.nanoTime() - since > HANGS;
        if (hangs || System.nanoTime() > deadline) {
          if (failure == null) {
            failure = evidence.withoutStore(suspicion);
          }
          break;
        }
        try {
          lock.wait(50);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          break;
        }
      }
    }
    sever();
    tell();
    synchronized (lock) {
      settled = true;
      lock.notifyAll();
      return failure == null
          ? new PeerLostException("interrupted while waiting for other ranks")
          : failure.exception();
    }
  }

  /// Tells the others that this rank gives up.
  void abort(FieldMessage reason) {
    if (!hasFailed()) {
      whenLost(null); // it ends by itself, and says why
    }
    suspect(new Suspicion.Known(Failure.gaveUp(me.toString(), reason)));
  }

  /// Ends the thread after success, and its connection.
  void stop() {
    stopped = true;
    suspicions.add(new Suspicion.Known(Failure.lost("stopped")));
    try {
      thread.join(HANGS / 1_000_000);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    if (!thread.isAlive()) {
      board.close();
    }
  }

  private void run() {
    try {
      while (!stopped) {
        Suspicion suspicion = suspicions.poll(TICK.toMillis(), TimeUnit.MILLISECONDS);
        if (stopped) {
          return;
        }
        Optional<Failure> found =
            suspicion == null ? look() : Optional.of(agreed(evidence.of(suspicion)));
        if (found.isPresent()) {
          finish(found.get());
          return;
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "the watch over other ranks ended", e);
      finish(Failure.lost(me + " cannot watch other ranks any more: " + Failure.line(e)));
    }
  }

  private Optional<Failure> look() {
    if (boardAnswers) {
      Optional<Failure> written = askBoard(() -> signs.exchange(groups)).orElse(Optional.empty());
      if (written.isPresent()) {
        return written;
      }
    }
    for (GlooGroup group : groups) {
      Optional<GlooConnections.Broken> broken =
          group.ending ? Optional.empty() : group.mesh.broken();
      if (broken.isPresent()) {
        String during = group.awaited().map(GlooExchange::said).orElse(OWN_WORK);
        return Optional.of(
            agreed(
                evidence.of(
                    new Suspicion.Broken(
                        group, during, broken.get().peer(), broken.get().reason()))));
      }
      Optional<GlooExchange> waits = group.awaited();
      if (waits.isPresent() && waits.get().waitedNanos() > SECOND) {
        Optional<Failure> mismatch =
            askBoard(() -> signs.mismatch(group, waits.get())).orElse(Optional.empty());
        if (mismatch.isPresent()) {
          return Optional.of(agreed(mismatch.get()));
        }
      }
    }
    return overdue().or(this::silence).map(suspicion -> agreed(evidence.of(suspicion)));
  }

  /// Whether a rank is lost that this one does not wait for, or not for long yet.
  private Optional<Suspicion> silence() {
    if (!evidence.isAnyoneSilent()) {
      return Optional.empty();
    }
    String during =
        groups.stream()
            .flatMap(group -> group.awaited().stream())
            .map(GlooExchange::said)
            .findFirst()
            .orElse(OWN_WORK);
    return Optional.of(new Suspicion.Silent(during));
  }

  /// What this rank waits for, of all groups, if it does so for longer than the timeout.
  private Optional<Suspicion.Overdue> longWait() {
    for (GlooGroup group : groups) {
      Optional<GlooExchange> waits = group.awaited();
      if (waits.isPresent() && waits.get().waitedNanos() > timeout.toNanos()) {
        return Optional.of(new Suspicion.Overdue(group, waits.get()));
      }
    }
    return Optional.empty();
  }

  /// Whether a wait is longer than it may be.
  private Optional<Suspicion> overdue() {
    Optional<Suspicion.Overdue> wait = longWait();
    GlooExchange before = overdue;
    overdue = wait.map(Suspicion.Overdue::exchange).orElse(null);
    int more = (overdue == null ? 0 : 1) - (before == null ? 0 : 1);
    long waiting = 0;
    if (overdue != null || more != 0) {
      waiting = askBoard(() -> board.add(WAITING, more)).orElse(0L);
    }
    if (overdue == null) {
      allWaiting = 0;
      return Optional.empty();
    }
    // The others learn within a tick that a wait is over. So twice in a row.
    allWaiting = waiting == size ? allWaiting + 1 : 0;
    if (!boardAnswers || evidence.isAnyoneSilent() || overdue.waitedNanos() > patience.toNanos()) {
      return Optional.of(wait.get());
    }
    if (allWaiting > 1) {
      return Optional.of(new Suspicion.AllWait(wait.get()));
    }
    if (overdue != before) {
      LOG.log(Level.INFO, evidence.waitsOn(wait.get()));
    }
    return Optional.empty();
  }

  /// Ends the group when the store has not answered for the timeout, so that nobody watches.
  private void guard() {
    try {
      while (!stopped && !hasFailed()) {
        Thread.sleep(TICK.dividedBy(2));
        long since = callSince;
        long hangs = since == 0 ? 0 : System.nanoTime() - since;
        if (hangs > timeout.toNanos()) {
          Optional<Suspicion.Overdue> wait = longWait();
          if (wait.isPresent() || hangs > Signs.LEAST_SILENCE.toNanos()) {
            var _ = settle(wait.orElse(null));
          }
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /// What all ranks say: the first failure that anyone wrote.
  private Failure agreed(Failure mine) {
    return askBoard(() -> Failure.decoded(board.setFirst(Signs.FAILURE, mine.encoded())))
        .orElse(mine);
  }

  private void finish(Failure agreed) {
    synchronized (lock) {
      if (failure == null) {
        failure = agreed;
      }
    }
    sever();
    askBoard(() -> board.add("seen", 1));
    if (me.keeps()) {
      linger(size - agreed.gone());
    }
    synchronized (lock) {
      settled = true;
      lock.notifyAll();
    }
    tell();
  }

  private void sever() {
    synchronized (lock) {
      if (severed) {
        return;
      }
      severed = true;
    }
    for (GlooGroup group : groups) {
      group.mesh.sever();
      group.wakeAll();
    }
  }

  /// The store ends with this process: the others should read first.
  private void linger(int readers) {
    long deadline = System.nanoTime() + LINGER.toNanos();
    while (System.nanoTime() < deadline
        && askBoard(() -> board.add("seen", 0)).orElse((long) size) < readers) {
      try {
        Thread.sleep(50);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private <T> Optional<T> askBoard(Supplier<T> question) {
    if (!boardAnswers) {
      return Optional.empty();
    }
    callSince = System.nanoTime();
    try {
      return Optional.of(question.get());
    } catch (RuntimeException e) {
      boardAnswers = false;
      signs.boardEnded(Failure.line(e));
      return Optional.empty();
    } finally {
      callSince = 0;
    }
  }
}
