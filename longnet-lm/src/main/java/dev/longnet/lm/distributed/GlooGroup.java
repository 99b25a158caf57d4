// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// A group of processes, seen from one of them: its connections, and its exchanges under way.
final class GlooGroup {
  final String name;
  final List<Person> people;
  final GlooConnections mesh;
  final Journal journal = new Journal();
  private final Watch watch;
  private final List<GlooExchange> underWay = new ArrayList<>();
  private long numbers;

  /// Whether this rank came to the group's end: others may close their connections.
  volatile boolean ending;

  /// @param name empty for the group of all processes
  /// @param people in the order of ranks of this group
  GlooGroup(String name, List<Person> people, GlooConnections mesh, Watch watch) {
    this.name = name;
    this.people = people;
    this.mesh = mesh;
    this.watch = watch;
  }

  int rank() {
    return mesh.rank();
  }

  int size() {
    return mesh.size();
  }

  /// The operation in messages.
  String said(Kind kind, long number) {
    return kind.number(number) + (name.isEmpty() ? "" : " of group " + name);
  }

  /// Starts an exchange of bytes.
  ///
  /// @param send for each rank
  /// @param receive of each rank
  GlooExchange start(Kind kind, MemorySegment[] send, MemorySegment[] receive, Meter meter) {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("native waits need a platform thread");
    }
    int own = rank();
    if (send[own].byteSize() != receive[own].byteSize()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a rank sends itself %d bytes and expects %d",
              send[own].byteSize(),
              receive[own].byteSize()));
    }
    watch.check();
    long number = numbers++;
    long[] sends = Slices.bytes(send);
    journal.add(new Journal.Entry(number, kind, sends, Slices.bytes(receive)));
    GlooExchange exchange = new GlooExchange(this, watch, number, kind, meter, send, receive);
    synchronized (underWay) {
      underWay.add(exchange);
    }
    long bytes = 0;
    for (int i = 0; i < sends.length; i++) {
      bytes += i == own ? 0 : sends[i];
    }
    meter.started(bytes);
    exchange.post(mesh);
    receive[own].copyFrom(send[own]);
    return exchange;
  }

  void ended(GlooExchange exchange) {
    synchronized (underWay) {
      underWay.remove(exchange);
    }
  }

  /// The exchange that someone has been waiting for longest.
  Optional<GlooExchange> awaited() {
    synchronized (underWay) {
      return underWay.stream().filter(e -> e.waitedNanos() > 0).findFirst();
    }
  }

  void wakeAll() {
    synchronized (underWay) {
      underWay.forEach(GlooExchange::wake);
    }
  }
}
