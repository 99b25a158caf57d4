// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.PeerLostException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

/// Temporary.
final class Twin implements Collectives {
  private static final class Group {
    final int size;
    final CyclicBarrier barrier;
    final Object[] slots;
    final Map<Integer, Group> children = new ConcurrentHashMap<>();
    volatile String reason;

    Group(int size) {
      this.size = size;
      barrier = new CyclicBarrier(size);
      slots = new Object[size];
    }
  }

  private final Group group;
  private final int rank;
  private long bytes;

  private Twin(Group group, int rank) {
    this.group = group;
    this.rank = rank;
  }

  static List<Collectives> of(int size) {
    Group g = new Group(size);
    List<Collectives> all = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      all.add(new Twin(g, i));
    }
    return all;
  }

  public int rank() {
    return rank;
  }

  public int size() {
    return group.size;
  }

  private void await() {
    try {
      group.barrier.await(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new PeerLostException(group.reason == null ? "lost" : group.reason, e);
    }
  }

  private Object[] all(Object mine) {
    group.slots[rank] = mine;
    await();
    Object[] copy = group.slots.clone();
    await();
    return copy;
  }

  private record Sent(MemorySegment memory, long[] sizes) {}

  public Pending start(
      MemorySegment send, long[] sendBytes, MemorySegment receive, long[] receiveBytes) {
    long n = Arrays.stream(sendBytes).sum();
    byte[] copy = send.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE);
    bytes += n - sendBytes[rank];
    Object[] everyone = all(new Sent(MemorySegment.ofArray(copy), sendBytes.clone()));
    return () -> {
      long at = 0;
      for (int i = 0; i < size(); i++) {
        Sent of = (Sent) everyone[i];
        long from = 0;
        for (int j = 0; j < rank; j++) {
          from += of.sizes[j];
        }
        if (of.sizes[rank] != receiveBytes[i]) {
          throw new IllegalStateException(
              "sizes: "
                  + i
                  + " sends "
                  + of.sizes[rank]
                  + " to "
                  + rank
                  + ", expects "
                  + receiveBytes[i]);
        }
        MemorySegment.copy(of.memory, from, receive, at, receiveBytes[i]);
        at += receiveBytes[i];
      }
    };
  }

  static float tree(float[] v, int from, int to) {
    if (to - from == 1) {
      return v[from];
    }
    int mid = (from + to) / 2;
    return tree(v, from, mid) + tree(v, mid, to);
  }

  static double tree(double[] v, int from, int to) {
    if (to - from == 1) {
      return v[from];
    }
    int mid = (from + to) / 2;
    return tree(v, from, mid) + tree(v, mid, to);
  }

  public void reduceScatter(MemorySegment floats, long[] bounds) {
    Object[] all = all(floats);
    long from = bounds[rank];
    float[] sums = new float[(int) (bounds[rank + 1] - from)];
    float[] v = new float[size()];
    for (int i = 0; i < sums.length; i++) {
      for (int r = 0; r < v.length; r++) {
        v[r] = ((MemorySegment) all[r]).getAtIndex(ValueLayout.JAVA_FLOAT, from + i);
      }
      sums[i] = tree(v, 0, v.length);
    }
    await();
    for (long i = 0; i < bounds[size()]; i++) {
      floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
    }
    MemorySegment.copy(sums, 0, floats, ValueLayout.JAVA_FLOAT, 4 * from, sums.length);
    await();
  }

  public void allGather(MemorySegment data, long elementBytes, long[] bounds) {
    Object[] all = all(data);
    for (int r = 0; r < size(); r++) {
      if (r != rank) {
        MemorySegment.copy(
            (MemorySegment) all[r],
            elementBytes * bounds[r],
            data,
            elementBytes * bounds[r],
            elementBytes * (bounds[r + 1] - bounds[r]));
      }
    }
    await();
  }

  public double sum(double ofThisRank) {
    Object[] all = all(ofThisRank);
    double[] v = new double[all.length];
    for (int i = 0; i < v.length; i++) {
      v[i] = (Double) all[i];
    }
    return tree(v, 0, v.length);
  }

  public List<byte[]> gather(byte[] ofThisRank) {
    return Arrays.stream(all(ofThisRank)).map(b -> (byte[]) b).toList();
  }

  public void barrier() {
    await();
  }

  public Collectives split(int color) {
    Object[] colors = all(color);
    int size = 0;
    int at = 0;
    for (int i = 0; i < colors.length; i++) {
      if ((Integer) colors[i] == color) {
        at += i < rank ? 1 : 0;
        size++;
      }
    }
    int n = size;
    Group child = group.children.computeIfAbsent(color, _ -> new Group(n));
    child.reason = group.reason;
    return new Twin(child, at);
  }

  public void abort(String reason) {
    group.reason = reason;
    group.barrier.reset();
    group
        .children
        .values()
        .forEach(c -> {
          c.reason = reason;
          c.barrier.reset();
        });
  }

  public Traffic takeTraffic() {
    Traffic t = new Traffic(bytes, 0, 0);
    bytes = 0;
    return t;
  }

  public void close() {}
}
