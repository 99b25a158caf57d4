// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.FieldMessage;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Ranks that are threads of one process. Each rank's group belongs to one thread; nothing is
/// copied but what a rank receives. A rank that waits for one that closed its group, gave up or
/// does not come in time ends with [PeerLostException]; so do all others.
public final class ThreadCollectives implements Collectives {
  private final ThreadHub hub;
  private final int rank;
  private final Seat seat;

  private ThreadCollectives(ThreadHub hub, int rank) {
    this.hub = hub;
    this.rank = rank;
    this.seat = new Seat(hub, rank);
  }

  /// As many ranks, which wait for one another a day at most.
  public static List<Collectives> of(int ranks) {
    return of(ranks, ThreadHub.TIMEOUT);
  }

  /// @param timeout of every wait
  public static List<Collectives> of(int ranks, Duration timeout) {
    if (ranks < 1) {
      throw new IllegalArgumentException("ranks must be positive: ranks=" + ranks);
    }
    ThreadHub hub = new ThreadHub(new ThreadHub.Fate(_ -> {}), ranks, 0, timeout);
    List<Collectives> all = new ArrayList<>();
    for (int rank = 0; rank < ranks; rank++) {
      all.add(new ThreadCollectives(hub, rank));
    }
    return List.copyOf(all);
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return hub.size();
  }

  /// What a rank brings to a sum or a gathering.
  private record Elements(MemorySegment data, MemorySegment[] ranges) {}

  @Override
  public Pending start(
      MemorySegment send, long[] sendBytes, MemorySegment receive, long[] receiveBytes) {
    Letters mine =
        new Letters(
            Slices.cut("send", send, sendBytes, size()),
            Slices.cut("receive", receive, receiveBytes, size()));
    return seat.exchange(mine, toOthers(sendBytes), ThreadCollectives::checkLetters, _ -> {});
  }

  private long toOthers(long[] bytes) {
    return Arrays.stream(bytes).sum() - bytes[rank];
  }

  private static Object checkLetters(@Nullable Object[] words) {
    Letters.check(Arrays.copyOf(words, words.length, Letters[].class), 0);
    return true;
  }

  @Override
  public void reduceScatter(MemorySegment floats, long[] bounds) {
    MemorySegment[] ranges = Slices.ranges(floats, 4, bounds, size());
    Elements[] all = together(Kind.REDUCE_SCATTER, floats, ranges);
    MemorySegment[] parts = new MemorySegment[all.length];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = all[i].ranges[rank];
    }
    // Nobody else reads or writes these elements, in whosever memory they stand.
    TreeSum.of(parts);
    if (rank != 0) {
      parts[rank].copyFrom(parts[0]);
    }
    barrier();
    seat.meter().sent(toOthers(Slices.bytes(ranges)));
  }

  @Override
  public void allGather(MemorySegment data, long elementBytes, long[] bounds) {
    MemorySegment[] ranges = Slices.ranges(data, elementBytes, bounds, size());
    Elements[] all = together(Kind.ALL_GATHER, data, ranges);
    for (int i = 0; i < all.length; i++) {
      if (i != rank) {
        ranges[i].copyFrom(all[i].ranges[i]);
      }
    }
    barrier();
    seat.meter().sent(ranges[rank].byteSize() * (size() - 1));
  }

  private Elements[] together(Kind kind, MemorySegment data, MemorySegment[] ranges) {
    Object[] words = meet(kind, new Elements(data, ranges), ThreadCollectives::checkElements);
    return Arrays.copyOf(words, words.length, Elements[].class);
  }

  private static Object checkElements(@Nullable Object[] words) {
    Elements[] all = Arrays.copyOf(words, words.length, Elements[].class);
    long[] first = Slices.bytes(all[0].ranges);
    for (int i = 1; i < all.length; i++) {
      long[] own = Slices.bytes(all[i].ranges);
      if (!Arrays.equals(first, own)) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT,
                "rank 0 has ranges of %s bytes, rank %d of %s",
                Arrays.toString(first),
                i,
                Arrays.toString(own)));
      }
    }
    return words;
  }

  private Object[] meet(Kind kind, Object word, Function<@Nullable Object[], Object> last) {
    return (Object[]) seat.meet(kind, word, last);
  }

  @Override
  public double sum(double ofThisRank) {
    return (Double)
        seat.meet(
            Kind.SUM,
            ofThisRank,
            words ->
                TreeSum.of(
                    Arrays.stream(Arrays.copyOf(words, words.length, Double[].class))
                        .mapToDouble(Double::doubleValue)
                        .toArray()));
  }

  @Override
  public List<byte[]> gather(byte[] ofThisRank) {
    Object[] words = meet(Kind.GATHER, ofThisRank.clone(), all -> all);
    return List.of(Arrays.copyOf(words, words.length, byte[][].class));
  }

  @Override
  public void barrier() {
    seat.meet(Kind.BARRIER, true, _ -> true);
  }

  @Override
  public Collectives split(int color) {
    if (color < 0) {
      throw new IllegalArgumentException("color must not be negative: color=" + color);
    }
    Object[] groups = meet(Kind.SPLIT, color, this::split);
    return (Collectives) groups[rank];
  }

  private Object split(@Nullable Object[] words) {
    Integer[] colors = Arrays.copyOf(words, words.length, Integer[].class);
    Map<Integer, List<Integer>> members = new TreeMap<>();
    for (int i = 0; i < colors.length; i++) {
      members.computeIfAbsent(colors[i], _ -> new ArrayList<>()).add(i);
    }
    Object[] groups = new Object[colors.length];
    for (List<Integer> ranks : members.values()) {
      ThreadHub part = new ThreadHub(hub.fate, ranks.size(), 0, hub.timeout());
      for (int i = 0; i < ranks.size(); i++) {
        groups[ranks.get(i)] = new ThreadCollectives(part, i);
      }
    }
    return groups;
  }

  @Override
  public void abort(FieldMessage reason) {
    hub.fate.fail(Failure.gaveUp("rank " + rank, reason));
  }

  @Override
  public Traffic takeTraffic() {
    return seat.meter().take();
  }

  @Override
  public void close() {
    hub.close(rank);
  }
}
