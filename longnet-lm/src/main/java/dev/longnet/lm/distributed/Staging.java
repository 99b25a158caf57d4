// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.attention.RowExchange.Pending;
import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Carries the letters between ranks of different processes: all that goes from one process to
/// another travels in one piece. A piece begins with the sizes of its letters, by sender and then
/// receiver, and holds them in the same order.
final class Staging {
  private final Collectives processes;
  private final int ranksHere;

  /// Buffers that no exchange uses.
  private final List<MemorySegment> free = new ArrayList<>();

  Staging(Collectives processes, int ranksHere) {
    this.processes = processes;
    this.ranksHere = ranksHere;
  }

  /// Starts an exchange for all ranks of this process.
  Parcel start(Letters[] here) {
    Letters.check(here, processes.rank() * ranksHere);
    long[] sendBytes = new long[processes.size()];
    long[] receiveBytes = new long[processes.size()];
    for (int process = 0; process < processes.size(); process++) {
      if (process != processes.rank()) {
        sendBytes[process] = 8L * ranksHere * ranksHere;
        receiveBytes[process] = sendBytes[process];
        for (Letters letters : here) {
          for (int rank = process * ranksHere; rank < (process + 1) * ranksHere; rank++) {
            sendBytes[process] += letters.send()[rank].byteSize();
            receiveBytes[process] += letters.receive()[rank].byteSize();
          }
        }
      }
    }
    MemorySegment send = take(sum(sendBytes));
    MemorySegment receive = take(sum(receiveBytes));
    MemorySegment[] pieces = Slices.cut("pieces", send, sendBytes, processes.size());
    for (int process = 0; process < pieces.length; process++) {
      if (process != processes.rank()) {
        pack(here, process * ranksHere, pieces[process]);
      }
    }
    Pending pending = processes.start(send, sendBytes, receive, receiveBytes);
    return new Parcel(
        pending, send, receive, Slices.cut("pieces", receive, receiveBytes, processes.size()));
  }

  private static long sum(long[] values) {
    long sum = 0;
    for (long value : values) {
      sum += value;
    }
    return sum;
  }

  private void pack(Letters[] here, int firstRank, MemorySegment piece) {
    long at = 8L * ranksHere * ranksHere;
    for (int from = 0; from < ranksHere; from++) {
      for (int to = 0; to < ranksHere; to++) {
        MemorySegment letter = here[from].send()[firstRank + to];
        setSize(piece, from, to, letter.byteSize());
        piece.asSlice(at, letter.byteSize()).copyFrom(letter);
        at += letter.byteSize();
      }
    }
  }

  private void setSize(MemorySegment piece, int from, int to, long bytes) {
    piece.set(ValueLayout.JAVA_LONG_UNALIGNED, 8L * (from * ranksHere + to), bytes);
  }

  private long size(MemorySegment piece, int from, int to) {
    return piece.get(ValueLayout.JAVA_LONG_UNALIGNED, 8L * (from * ranksHere + to));
  }

  /// A buffer of at least so many bytes, the smallest free one that is large enough.
  private synchronized MemorySegment take(long bytes) {
    @Nullable MemorySegment best = null;
    for (MemorySegment one : free) {
      if (one.byteSize() >= bytes && (best == null || one.byteSize() < best.byteSize())) {
        best = one;
      }
    }
    if (best != null) {
      free.remove(best);
      return best;
    }
    if (!free.isEmpty()) {
      free.removeFirst(); // too small: the collector takes it, a larger one comes back
    }
    return TensorMemory.allocate(bytes);
  }

  private synchronized void giveBack(MemorySegment buffer) {
    free.add(buffer);
  }

  /// An exchange between processes under way.
  final class Parcel {
    private final Pending pending;
    private final MemorySegment send;
    private final MemorySegment receive;
    private final MemorySegment[] pieces;
    private @Nullable RuntimeException failure;
    private int delivered;

    Parcel(Pending pending, MemorySegment send, MemorySegment receive, MemorySegment[] pieces) {
      this.pending = pending;
      this.send = send;
      this.receive = receive;
      this.pieces = pieces;
    }

    /// Waits for the parcel, then fills what a rank of this process receives of other processes.
    ///
    /// @param to among the ranks of this process
    void deliver(int to, Letters letters) {
      await();
      for (int process = 0; process < pieces.length; process++) {
        if (process == processes.rank()) {
          continue;
        }
        MemorySegment piece = pieces[process];
        long at = 8L * ranksHere * ranksHere;
        for (int from = 0; from < ranksHere; from++) {
          for (int i = 0; i < ranksHere; i++) {
            long bytes = size(piece, from, i);
            if (i == to) {
              int sender = process * ranksHere + from;
              MemorySegment target = letters.receive()[sender];
              Letters.requireSame(
                  sender, bytes, processes.rank() * ranksHere + to, target.byteSize());
              target.copyFrom(piece.asSlice(at, bytes));
            }
            at += bytes;
          }
        }
      }
      synchronized (this) {
        if (++delivered == ranksHere) {
          giveBack(send);
          giveBack(receive);
        }
      }
    }

    private synchronized void await() {
      if (failure != null) {
        throw failure;
      }
      try {
        pending.await();
      } catch (RuntimeException e) {
        failure = e;
        throw e;
      }
    }
  }
}
