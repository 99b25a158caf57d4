// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/// Ranks that are processes, connected by Gloo over TCP on the CPU. A group's calls come from one
/// platform thread; an exchange may be awaited by another.
///
/// A rank that is killed ends the others' waits within seconds; one that is stopped or cut off when
/// the timeout is over. A rank that works is waited for much longer, see [Rendezvous#patience].
public final class GlooCollectives implements Collectives {
  private static final Logger LOG = System.getLogger(GlooCollectives.class.getName());

  /// Bytes of all other ranks that are added or gathered at a time, while the next are on their
  /// way.
  private static final long CHUNK = 16L << 20;

  /// How much longer than the timeout a call may take that has one of its own.
  static final Duration LATE = Duration.ofSeconds(3);

  /// How much longer than the timeout it may take to connect, or to learn why that fails.
  static final Duration CONNECTED = Duration.ofSeconds(4);

  /// What all groups of a process share.
  private record Shared(Rendezvous rendezvous, Board board, InetAddress own, Watch watch) {
    /// Connects ranks as a group.
    ///
    /// @param people in the order of its ranks
    GlooGroup connect(String name, List<Person> people, int rank) {
      long end = System.nanoTime() + rendezvous.timeout().plus(CONNECTED).toNanos();
      GlooConnections mesh;
      try {
        mesh = mesh(this, name, people, rank);
      } catch (PeerLostException e) {
        watch.awaitFailure(end); // it may know who does not come
        throw e;
      }
      GlooGroup group = new GlooGroup(name, people, mesh, watch);
      watch.add(group);
      return group;
    }
  }

  private final Shared shared;
  private final GlooGroup group;
  private final Meter meter = new Meter();
  private MemorySegment small = MemorySegment.NULL;
  private MemorySegment[] buffers = {MemorySegment.NULL, MemorySegment.NULL};
  private int splits;
  private boolean closed;

  private GlooCollectives(Shared shared, GlooGroup group) {
    this.shared = shared;
    this.group = group;
  }

  /// Waits for all processes and connects with them.
  ///
  /// @throws IllegalArgumentException on all ranks when they were started with settings that do not
  ///   fit together: two have one number, or they do not know of equally many
  /// @throws PeerLostException when a rank does not come in time
  /// @throws EnvironmentException when the store is not reached
  public static Collectives join(Rendezvous rendezvous) {
    if (rendezvous.size() == 1) {
      return ThreadCollectives.of(1).getFirst();
    }
    Torch.loadGloo();
    InetAddress own = rendezvous.ownAddress();
    Board board = connect(rendezvous);
    Duration limit = rendezvous.timeout().plus(LATE);
    Board ofWatch =
        Bounded.call(
            limit, board::anotherConnection, () -> Joining.storeLost(rendezvous, "no answer"));
    Signs signs = new Signs(ofWatch, rendezvous.rank(), rendezvous.size(), rendezvous.timeout());
    List<Person> people =
        Bounded.call(
            limit,
            () -> Joining.join(rendezvous, board, signs, own),
            () -> Joining.storeLost(rendezvous, "no answer"));
    Person me = people.get(rendezvous.rank());
    Watch watch = new Watch(ofWatch, signs, people, me, rendezvous);
    Shared shared = new Shared(rendezvous, board, own, watch);
    return new GlooCollectives(shared, shared.connect("", people, me.rank()));
  }

  private static Board connect(Rendezvous rendezvous) {
    try {
      return Bounded.call(
          rendezvous.timeout().plus(LATE),
          () -> Board.connect(rendezvous),
          () -> unreachable(rendezvous, "no answer"));
    } catch (EnvironmentException e) {
      throw e;
    } catch (RuntimeException e) {
      throw unreachable(rendezvous, Failure.line(e));
    }
  }

  private static EnvironmentException unreachable(Rendezvous rendezvous, String reason) {
    String where = rendezvous.host() + ":" + rendezvous.port();
    return new EnvironmentException(
        rendezvous.serves()
            ? String.format(
                Locale.ROOT,
                "rank %d cannot keep the store on %s (%s): name an address of this machine and a free port",
                rendezvous.rank(),
                where,
                reason)
            : String.format(
                Locale.ROOT,
                "rank %d does not reach the store on %s (%s): check that its process runs there and that no firewall is between",
                rendezvous.rank(),
                where,
                reason));
  }

  private static GlooConnections mesh(Shared shared, String name, List<Person> people, int rank) {
    Duration timeout = shared.rendezvous.timeout();
    try {
      return Bounded.call(
          timeout.plus(LATE),
          shared.watch::hasFailed,
          () ->
              GlooConnections.connect(shared.board, name, rank, people.size(), shared.own, timeout),
          () -> new PeerLostException("no answer within " + timeout.toSeconds() + " s"));
    } catch (RuntimeException e) {
      throw new PeerLostException(
          String.format(
              Locale.ROOT,
              "%s could not connect with the other ranks (%s). Read their logs; every rank must reach every other's address",
              people.get(rank),
              Failure.line(e)),
          e);
    }
  }

  @Override
  public int rank() {
    return group.rank();
  }

  @Override
  public int size() {
    return group.size();
  }

  @Override
  public Pending start(
      MemorySegment send, long[] sendBytes, MemorySegment receive, long[] receiveBytes) {
    Slices.requireNative(send);
    Slices.requireNative(receive);
    return group.start(
        Kind.EXCHANGE,
        Slices.cut("send", send, sendBytes, size()),
        Slices.cut("receive", receive, receiveBytes, size()),
        meter);
  }

  @Override
  public void reduceScatter(MemorySegment floats, long[] bounds) {
    Slices.requireNative(floats);
    MemorySegment[] ranges = Slices.ranges(floats, Float.BYTES, bounds, size());
    inChunks(ranges, (at, chunk) -> startSum(ranges, at, chunk)::finish);
  }

  /// Starts what is to be done with a chunk of all ranges.
  private interface Chunks {
    /// @return what ends it
    Runnable start(long at, long chunk);
  }

  /// Starts each chunk before it ends the one before.
  private void inChunks(MemorySegment[] ranges, Chunks chunks) {
    long longest = Arrays.stream(Slices.bytes(ranges)).max().orElse(0);
    long chunk = Math.max(CHUNK / (size() - 1) / 64 * 64, 1 << 16);
    Runnable last = null;
    for (long at = 0; at < longest || last == null; at += chunk) {
      Runnable next = chunks.start(at, chunk);
      if (last != null) {
        last.run();
      }
      last = next;
    }
    last.run();
  }

  /// A chunk of a sum: this rank's elements of all ranks, on their way.
  ///
  /// @param own where the sums go
  private record Sum(GlooExchange exchange, MemorySegment[] parts, MemorySegment own) {
    void finish() {
      exchange.await();
      TreeSum.of(parts);
      if (own.address() != parts[0].address()) {
        own.copyFrom(parts[0]);
      }
    }
  }

  private Sum startSum(MemorySegment[] ranges, long at, long chunk) {
    MemorySegment[] send = slices(ranges, at, chunk);
    MemorySegment[] receive = new MemorySegment[size()];
    MemorySegment target = send[rank()];
    long bytes = target.byteSize();
    MemorySegment others = buffer((int) (at / chunk % 2), bytes * (size() - 1));
    int other = 0;
    for (int i = 0; i < receive.length; i++) {
      // Its own part stays where it is.
      receive[i] = i == rank() ? target : others.asSlice(other++ * bytes, bytes);
    }
    return new Sum(group.start(Kind.REDUCE_SCATTER, send, receive, meter), receive, target);
  }

  private static MemorySegment[] slices(MemorySegment[] ranges, long at, long chunk) {
    MemorySegment[] slices = new MemorySegment[ranges.length];
    for (int i = 0; i < slices.length; i++) {
      long bytes = ranges[i].byteSize();
      long from = Math.min(at, bytes);
      slices[i] = ranges[i].asSlice(from, Math.min(chunk, bytes - from));
    }
    return slices;
  }

  /// Kept for the next sum.
  private MemorySegment buffer(int index, long bytes) {
    if (buffers[index].byteSize() < bytes) {
      buffers[index] = TensorMemory.allocate(bytes);
    }
    return buffers[index];
  }

  @Override
  public void allGather(MemorySegment data, long elementBytes, long[] bounds) {
    Slices.requireNative(data);
    MemorySegment[] ranges = Slices.ranges(data, elementBytes, bounds, size());
    inChunks(
        ranges,
        (at, chunk) -> {
          MemorySegment[] receive = slices(ranges, at, chunk);
          MemorySegment[] send = new MemorySegment[size()];
          Arrays.fill(send, receive[rank()]);
          return group.start(Kind.ALL_GATHER, send, receive, meter)::await;
        });
  }

  @Override
  public double sum(double ofThisRank) {
    MemorySegment all = everybody(Kind.SUM, Double.doubleToRawLongBits(ofThisRank));
    double[] values = new double[size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = Double.longBitsToDouble(all.getAtIndex(ValueLayout.JAVA_LONG, i));
    }
    return TreeSum.of(values);
  }

  /// Eight bytes of every rank.
  private MemorySegment everybody(Kind kind, long word) {
    if (small.byteSize() == 0) {
      small = Arena.ofAuto().allocate(Long.BYTES * (size() + 1L), Long.BYTES);
    }
    MemorySegment received = small.asSlice(0, Long.BYTES * (long) size());
    MemorySegment sent = small.asSlice(received.byteSize());
    sent.set(ValueLayout.JAVA_LONG, 0, word);
    MemorySegment[] send = new MemorySegment[size()];
    MemorySegment[] receive = new MemorySegment[size()];
    for (int i = 0; i < send.length; i++) {
      send[i] = sent;
      receive[i] = received.asSlice(Long.BYTES * (long) i, Long.BYTES);
    }
    group.start(kind, send, receive, meter).await();
    return received;
  }

  @Override
  public List<byte[]> gather(byte[] ofThisRank) {
    MemorySegment sizes = everybody(Kind.GATHER, ofThisRank.length);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment[] receive = new MemorySegment[size()];
      for (int i = 0; i < receive.length; i++) {
        receive[i] = arena.allocate(sizes.getAtIndex(ValueLayout.JAVA_LONG, i));
      }
      MemorySegment own = arena.allocate(ofThisRank.length);
      own.copyFrom(MemorySegment.ofArray(ofThisRank));
      MemorySegment[] send = new MemorySegment[size()];
      Arrays.fill(send, own);
      group.start(Kind.GATHER, send, receive, meter).await();
      return Arrays.stream(receive).map(r -> r.toArray(ValueLayout.JAVA_BYTE)).toList();
    }
  }

  @Override
  public void barrier() {
    everybody(Kind.BARRIER, 0);
  }

  @Override
  public Collectives split(int color) {
    if (color < 0) {
      throw new IllegalArgumentException("color must not be negative: color=" + color);
    }
    String name = group.name + "/" + splits++ + "." + color;
    List<byte[]> colors = gather(ByteBuffer.allocate(Integer.BYTES).putInt(color).array());
    List<Person> members = new ArrayList<>();
    int rank = 0;
    for (int i = 0; i < colors.size(); i++) {
      if (ByteBuffer.wrap(colors.get(i)).getInt() == color) {
        rank = i == rank() ? members.size() : rank;
        members.add(group.people.get(i));
      }
    }
    return members.size() == 1
        ? ThreadCollectives.of(1).getFirst()
        : new GlooCollectives(shared, shared.connect(name, members, rank));
  }

  @Override
  public void abort(FieldMessage reason) {
    shared.watch.abort(reason);
  }

  @Override
  public void whenLost(Consumer<FieldMessage> action) {
    shared.watch.whenLost(action);
  }

  @Override
  public Traffic takeTraffic() {
    return meter.take();
  }

  /// Waits for all ranks to close theirs. The group of all processes is closed last. After a
  /// failure nothing is waited for, and Gloo's threads stay until the process ends.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (shared.watch.hasFailed()) {
      return;
    }
    boolean last = group.name.isEmpty();
    for (GlooGroup one : last ? shared.watch.groups() : List.of(group)) {
      one.ending = true;
    }
    try {
      everybody(Kind.CLOSE, 0);
    } catch (PeerLostException | IllegalStateException e) {
      LOG.log(Level.WARNING, "the group of ranks did not end together: " + e.getMessage());
      return;
    }
    shared.watch.remove(group);
    group.mesh.close();
    if (last) {
      shared.watch.stop();
      shared.board.closeRoot();
    }
  }
}
