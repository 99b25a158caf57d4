// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.attention.RowExchange.Pending;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// An exchange of bytes between all ranks of a group, under way.
final class GlooExchange implements Pending {
  private final GlooGroup group;
  private final Watch watch;
  final long number;
  final Kind kind;
  private final Meter meter;

  /// Gloo reads and writes these.
  private final MemorySegment[] send;

  private final MemorySegment[] receive;

  private final List<Message> messages = new ArrayList<>();
  private boolean awaited;
  private volatile long waitingSince;

  GlooExchange(
      GlooGroup group,
      Watch watch,
      long number,
      Kind kind,
      Meter meter,
      MemorySegment[] send,
      MemorySegment[] receive) {
    this.group = group;
    this.watch = watch;
    this.number = number;
    this.kind = kind;
    this.meter = meter;
    this.send = send;
    this.receive = receive;
  }

  /// Hands all messages to Gloo. Each rank begins with its neighbours, so that not all of them send
  /// to one rank first.
  void post(GlooConnections mesh) {
    int size = group.size();
    for (int i = 1; i < size; i++) {
      int to = (group.rank() + i) % size;
      int from = (group.rank() + size - i) % size;
      synchronized (messages) {
        try {
          int tag = Tag.of(number, kind, receive[from].byteSize());
          mesh.receive(receive[from], from, tag, messages);
        } catch (RuntimeException e) {
          throw broken(from, e);
        }
        try {
          mesh.send(send[to], to, Tag.of(number, kind, send[to].byteSize()), messages);
        } catch (RuntimeException e) {
          throw broken(to, e);
        }
      }
    }
  }

  @Override
  public void await() {
    if (awaited) {
      return;
    }
    awaited = true;
    meter.waiting();
    long start = System.nanoTime();
    waitingSince = start;
    try {
      for (Message message : messages) {
        // The watch ends overdue waits before Gloo does, and knows why.
        long left = watch.patienceMillis() - (System.nanoTime() - start) / 1_000_000;
        if (!await(message, left)) {
          throw watch.failed();
        }
      }
    } finally {
      waitingSince = 0;
      group.ended(this);
      meter.ended();
    }
    messages.forEach(Message::release);
  }

  private boolean await(Message message, long millis) {
    try {
      return message.await(millis);
    } catch (RuntimeException e) {
      throw broken(message.peer(), e);
    }
  }

  private RuntimeException broken(int peer, RuntimeException e) {
    String reason = Failure.line(e);
    boolean late = reason.contains("Timed out") || reason.contains("imeout");
    return watch.suspect(
        late
            ? new Suspicion.Overdue(group, this)
            : new Suspicion.Broken(group, said(), peer, reason));
  }

  /// How long its caller has been waiting; 0 when it does not wait.
  long waitedNanos() {
    long since = waitingSince;
    return since == 0 ? 0 : System.nanoTime() - since;
  }

  String said() {
    return group.said(kind, number);
  }

  void wake() {
    synchronized (messages) {
      messages.forEach(Message::wake);
    }
  }
}
