// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.attention.RowExchange;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A rank's place among the ranks of its process: it counts the rank's meetings and takes their
/// times. Belongs to the rank's thread.
final class Seat {
  private final ThreadHub hub;
  private final int index;
  private final Meter meter = new Meter();
  private long meetings;

  /// @param index among the ranks of the process
  Seat(ThreadHub hub, int index) {
    this.hub = hub;
    this.index = index;
  }

  Meter meter() {
    return meter;
  }

  /// Comes to the next meeting and waits for its result.
  ///
  /// @param word for the others
  /// @param last makes the result of all words, on the thread that comes last
  Object meet(Kind kind, Object word, Function<@Nullable Object[], Object> last) {
    meter.started(0);
    meter.waiting();
    try {
      return hub.meet(index, meetings++, kind, word, last);
    } finally {
      meter.ended();
    }
  }

  /// Starts an exchange, for which every rank of the process comes with its letters. The receiver
  /// copies what its neighbours sent when it waits.
  ///
  /// @param bytesToOthers that count as traffic
  /// @param last as in [#meet]
  /// @param taken takes its part of the result, on this rank's thread
  RowExchange.Pending exchange(
      Letters mine,
      long bytesToOthers,
      Function<@Nullable Object[], Object> last,
      Consumer<Object> taken) {
    ThreadHub.Meeting meeting = hub.come(index, meetings++, Kind.EXCHANGE, mine, last);
    meter.started(bytesToOthers);
    return new Exchange(meeting, mine, taken);
  }

  private final class Exchange implements RowExchange.Pending {
    private final ThreadHub.Meeting meeting;
    private final Letters mine;
    private final Consumer<Object> taken;
    private boolean done;

    Exchange(ThreadHub.Meeting meeting, Letters mine, Consumer<Object> taken) {
      this.meeting = meeting;
      this.mine = mine;
      this.taken = taken;
    }

    @Override
    public void await() {
      if (done) {
        return;
      }
      done = true;
      meter.waiting();
      try {
        Object result = hub.result(meeting);
        Letters[] here = ThreadHub.words(meeting, Letters[].class);
        for (int i = 0; i < here.length; i++) {
          mine.receive()[hub.firstRank() + i].copyFrom(here[i].send()[hub.firstRank() + index]);
        }
        taken.accept(result);
        hub.leave(meeting);
        hub.awaitAllLeft(meeting);
      } finally {
        meter.ended();
      }
    }
  }
}
