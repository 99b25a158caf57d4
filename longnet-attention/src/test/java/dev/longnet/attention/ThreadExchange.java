// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Shards as threads of one process. It is as unkind as a transport may be: what is received holds
/// NaN until it is awaited, what is sent is read as late as possible, and shards may be delayed.
/// Every wait is bounded.
final class ThreadExchange {
  private static final long PATIENCE_SECONDS = 60;

  private final int shards;
  private final Delay delay;
  private final List<Step> steps = new ArrayList<>();
  private final AtomicReference<@Nullable Throwable> aborted = new AtomicReference<>();

  /// How many microseconds a shard waits before it starts or awaits an exchange.
  interface Delay {
    long micros(int shard, int step);
  }

  ThreadExchange(int shards, Delay delay) {
    this.shards = shards;
    this.delay = delay;
  }

  /// One exchange of all shards.
  private final class Step {
    final MemorySegment[] send = new MemorySegment[shards];
    final long[][] sendBytes = new long[shards][];
    final CountDownLatch started = new CountDownLatch(shards);
    final CountDownLatch copied = new CountDownLatch(shards);
  }

  private synchronized Step step(int number) {
    while (steps.size() <= number) {
      steps.add(new Step());
    }
    return steps.get(number);
  }

  /// Ends all waits.
  void abort(Throwable reason) {
    aborted.compareAndSet(null, reason);
  }

  RowExchange of(int shard) {
    int[] next = {0};
    return (send, sendBytes, receive, receiveBytes) -> {
      int number = next[0]++;
      pause(shard, number);
      Step step = step(number);
      if (step.send[shard] != null || sum(sendBytes) != send.byteSize()) {
        throw new AssertionError("shard " + shard + " sends " + send.byteSize() + " bytes");
      }
      receive.fill((byte) 0xFF);
      step.send[shard] = send;
      step.sendBytes[shard] = sendBytes.clone();
      step.started.countDown();
      boolean[] done = {false};
      return () -> {
        if (done[0]) {
          return;
        }
        done[0] = true;
        pause(shard, number);
        await(step.started);
        long to = 0;
        for (int from = 0; from < shards; from++) {
          long at = 0;
          for (int i = 0; i < shard; i++) {
            at += step.sendBytes[from][i];
          }
          long bytes = step.sendBytes[from][shard];
          if (bytes != receiveBytes[from]) {
            throw new AssertionError(
                "shard %d sends %d bytes to %d, which expects %d"
                    .formatted(from, bytes, shard, receiveBytes[from]));
          }
          MemorySegment.copy(step.send[from], at, receive, to, bytes);
          to += bytes;
        }
        step.copied.countDown();
        await(step.copied);
      };
    };
  }

  private void pause(int shard, int number) {
    long micros = delay.micros(shard, number);
    if (micros > 0) {
      LockSupport.parkNanos(micros * 1000);
    }
  }

  private void await(CountDownLatch latch) {
    try {
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
      while (!latch.await(20, TimeUnit.MILLISECONDS)) {
        Throwable reason = aborted.get();
        if (reason != null || System.nanoTime() > end) {
          throw new IllegalStateException("another shard did not come", reason);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private static long sum(long[] bytes) {
    long sum = 0;
    for (long some : bytes) {
      sum += some;
    }
    return sum;
  }
}
