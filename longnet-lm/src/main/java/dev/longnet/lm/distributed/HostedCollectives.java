// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.FieldMessage;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.function.Consumer;

/// More ranks than processes: each process holds equally many neighbouring ranks, as threads. Each
/// rank has a group of its own to call, of the size of all ranks.
///
/// Sums add the ranks of a process first, then the processes. That is the tree over all ranks as
/// long as a process holds a power of two of them: the bits are the same however many processes
/// there are.
public final class HostedCollectives implements Collectives {
  /// What the ranks of this process share.
  ///
  /// @param processes the group of processes
  /// @param hub where the ranks of this process meet
  private record House(Collectives processes, ThreadHub hub, Staging staging) {
    int ranksHere() {
      return hub.size();
    }

    int firstRank() {
      return processes.rank() * hub.size();
    }

    int size() {
      return processes.size() * hub.size();
    }
  }

  private final House house;

  /// Among the ranks of this process.
  private final int index;

  private final Seat seat;

  private HostedCollectives(House house, int index) {
    this.house = house;
    this.index = index;
    this.seat = new Seat(house.hub, index);
  }

  /// This process's ranks, in order. They wait for one another a day at most.
  ///
  /// @param processes the group of processes; it is closed when all ranks of this process have
  ///   closed theirs
  /// @param ranks of all processes
  /// @throws IllegalArgumentException when the processes cannot share them equally
  public static List<Collectives> of(Collectives processes, int ranks) {
    return of(processes, ranks, ThreadHub.TIMEOUT);
  }

  /// @param timeout of waits for ranks of this process, longer than those for other processes
  public static List<Collectives> of(Collectives processes, int ranks, Duration timeout) {
    if (ranks < 1 || ranks % processes.size() != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "ranks must be a multiple of the processes, %d: ranks=%d",
              processes.size(),
              ranks));
    }
    // When ranks of one process fail, those of other processes must not wait for them.
    ThreadHub.Fate fate =
        new ThreadHub.Fate(why -> processes.abort(FieldMessage.ofMarked(why.message())));
    return of(processes, fate, ranks / processes.size(), timeout);
  }

  private static List<Collectives> of(
      Collectives processes, ThreadHub.Fate fate, int ranksHere, Duration timeout) {
    if (ranksHere == 1) {
      return List.of(processes);
    }
    int first = processes.rank() * ranksHere;
    ThreadHub hub = new ThreadHub(fate, ranksHere, first, timeout);
    House house = new House(processes, hub, new Staging(processes, ranksHere));
    List<Collectives> ranks = new ArrayList<>();
    for (int i = 0; i < ranksHere; i++) {
      ranks.add(new HostedCollectives(house, i));
    }
    return List.copyOf(ranks);
  }

  @Override
  public int rank() {
    return house.firstRank() + index;
  }

  @Override
  public int size() {
    return house.size();
  }

  @Override
  public Pending start(
      MemorySegment send, long[] sendBytes, MemorySegment receive, long[] receiveBytes) {
    Letters mine =
        new Letters(
            Slices.cut("send", send, sendBytes, size()),
            Slices.cut("receive", receive, receiveBytes, size()));
    return seat.exchange(
        mine,
        Arrays.stream(sendBytes).sum() - bytesHere(sendBytes),
        words -> house.staging.start(Arrays.copyOf(words, words.length, Letters[].class)),
        parcel -> deliver((Staging.Parcel) parcel, mine));
  }

  private long bytesHere(long[] bytes) {
    return Arrays.stream(bytes, house.firstRank(), house.firstRank() + house.ranksHere()).sum();
  }

  private void deliver(Staging.Parcel parcel, Letters mine) {
    try {
      parcel.deliver(index, mine);
    } catch (RuntimeException e) {
      house.hub.fate.fail(Failure.of(rank(), e));
      throw e;
    }
  }

  /// What a rank brings to a sum or a gathering.
  private record Elements(MemorySegment data, long elementBytes, long[] bounds) {}

  @Override
  public void reduceScatter(MemorySegment floats, long[] bounds) {
    MemorySegment[] ranges = Slices.ranges(floats, 4, bounds, size());
    MemorySegment[] all = together(Kind.REDUCE_SCATTER, new Elements(floats, 4, bounds));
    // Each rank of this process adds a share of all elements, into the memory of the first.
    long count = bounds[size()] - bounds[0];
    long from = bounds[0] + count * index / all.length;
    long to = bounds[0] + count * (index + 1) / all.length;
    MemorySegment[] parts = new MemorySegment[all.length];
    for (int i = 0; i < all.length; i++) {
      parts[i] = all[i].asSlice(4 * from, 4 * (to - from));
    }
    TreeSum.of(parts);
    seat.meet(
        Kind.REDUCE_SCATTER,
        true,
        _ -> {
          house.processes.reduceScatter(all[0], ofProcesses(bounds));
          return true;
        });
    if (index != 0) {
      MemorySegment own = ranges[rank()];
      own.copyFrom(all[0].asSlice(bounds[rank()] * 4, own.byteSize()));
    }
    seat.meet(Kind.REDUCE_SCATTER, true, _ -> true);
    seat.meter().sent(floats.byteSize() - 4 * (to(bounds) - from(bounds)));
  }

  @Override
  public void allGather(MemorySegment data, long elementBytes, long[] bounds) {
    MemorySegment[] ranges = Slices.ranges(data, elementBytes, bounds, size());
    MemorySegment[] all = together(Kind.ALL_GATHER, new Elements(data, elementBytes, bounds));
    MemorySegment first = all[0];
    MemorySegment own = ranges[rank()];
    if (index != 0) {
      first.asSlice(bounds[rank()] * elementBytes, own.byteSize()).copyFrom(own);
    }
    seat.meet(
        Kind.ALL_GATHER,
        true,
        _ -> {
          house.processes.allGather(first, elementBytes, ofProcesses(bounds));
          return true;
        });
    if (index != 0) {
      for (int i = 0; i < ranges.length; i++) {
        if (i != rank()) {
          ranges[i].copyFrom(first.asSlice(bounds[i] * elementBytes, ranges[i].byteSize()));
        }
      }
    }
    seat.meet(Kind.ALL_GATHER, true, _ -> true);
    seat.meter().sent(own.byteSize() * (size() - house.ranksHere()));
  }

  private long from(long[] bounds) {
    return bounds[house.firstRank()];
  }

  private long to(long[] bounds) {
    return bounds[house.firstRank() + house.ranksHere()];
  }

  /// The bounds of whole processes.
  private long[] ofProcesses(long[] bounds) {
    long[] outer = new long[house.processes.size() + 1];
    for (int i = 0; i < outer.length; i++) {
      outer[i] = bounds[i * house.ranksHere()];
    }
    return outer;
  }

  /// Everybody's memory in this process, once all have come with the same bounds.
  private MemorySegment[] together(Kind kind, Elements mine) {
    Object[] words =
        (Object[])
            seat.meet(
                kind,
                mine,
                all -> {
                  Elements[] here = Arrays.copyOf(all, all.length, Elements[].class);
                  for (int i = 1; i < here.length; i++) {
                    requireSame(here[0], here[i], i);
                  }
                  return all;
                });
    return Arrays.stream(Arrays.copyOf(words, words.length, Elements[].class))
        .map(Elements::data)
        .toArray(MemorySegment[]::new);
  }

  private void requireSame(Elements first, Elements other, int i) {
    if (first.elementBytes != other.elementBytes || !Arrays.equals(first.bounds, other.bounds)) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "rank %d has bounds %s of %d bytes, rank %d has %s of %d",
              house.firstRank(),
              Arrays.toString(first.bounds),
              first.elementBytes,
              house.firstRank() + i,
              Arrays.toString(other.bounds),
              other.elementBytes));
    }
  }

  @Override
  public double sum(double ofThisRank) {
    return (Double)
        seat.meet(
            Kind.SUM,
            ofThisRank,
            words -> {
              Double[] here = Arrays.copyOf(words, words.length, Double[].class);
              double[] values = Arrays.stream(here).mapToDouble(Double::doubleValue).toArray();
              return house.processes.sum(TreeSum.of(values));
            });
  }

  @Override
  public List<byte[]> gather(byte[] ofThisRank) {
    Object[] all =
        (Object[])
            seat.meet(
                Kind.GATHER,
                ofThisRank.clone(),
                words -> {
                  byte[][] here = Arrays.copyOf(words, words.length, byte[][].class);
                  List<byte[]> ranks = new ArrayList<>();
                  for (byte[] process : house.processes.gather(Packed.of(List.of(here)))) {
                    ranks.addAll(Packed.list(process));
                  }
                  return ranks.toArray();
                });
    return List.of(Arrays.copyOf(all, all.length, byte[][].class));
  }

  @Override
  public void barrier() {
    seat.meet(
        Kind.BARRIER,
        true,
        _ -> {
          house.processes.barrier();
          return true;
        });
  }

  /// The ranks of a color must lie on its processes in equal numbers.
  @Override
  public Collectives split(int color) {
    if (color < 0) {
      throw new IllegalArgumentException("color must not be negative: color=" + color);
    }
    List<byte[]> colors = gather(ByteBuffer.allocate(4).putInt(color).array());
    Object[] groups = (Object[]) seat.meet(Kind.SPLIT, true, _ -> split(colors));
    return (Collectives) groups[index];
  }

  private Object split(List<byte[]> colors) {
    // Ranks of each color, each process for itself.
    TreeMap<Integer, int[]> counts = new TreeMap<>();
    for (int i = 0; i < colors.size(); i++) {
      int color = ByteBuffer.wrap(colors.get(i)).getInt();
      counts.computeIfAbsent(color, _ -> new int[house.processes.size()])[i / house.ranksHere()]++;
    }
    counts.forEach((color, ofProcesses) -> {
      if (Arrays.stream(ofProcesses).filter(n -> n > 0).distinct().count() > 1) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "processes must hold equally many ranks of a color: color %d has %s",
                color,
                Arrays.toString(ofProcesses)));
      }
    });
    Object[] groups = new Object[house.ranksHere()];
    counts.forEach((color, ofProcesses) -> {
      int here = ofProcesses[house.processes.rank()];
      Collectives part = house.processes.split(here > 0 ? 0 : 1);
      if (here == 0) {
        part.close();
        return;
      }
      List<Collectives> ranks = of(part, house.hub.fate, here, house.hub.timeout());
      int next = 0;
      for (int i = 0; i < groups.length; i++) {
        if (ByteBuffer.wrap(colors.get(house.firstRank() + i)).getInt() == color) {
          groups[i] = ranks.get(next++);
        }
      }
    });
    return groups;
  }

  @Override
  public void abort(FieldMessage reason) {
    house.hub.fate.fail(Failure.gaveUp("rank " + rank(), reason));
  }

  /// Of the process, whose ranks have one action together.
  @Override
  public void whenLost(Consumer<FieldMessage> action) {
    house.processes.whenLost(action);
  }

  @Override
  public Traffic takeTraffic() {
    return seat.meter().take();
  }

  @Override
  public void close() {
    if (house.hub.close(index)) {
      house.processes.close();
    }
  }
}
