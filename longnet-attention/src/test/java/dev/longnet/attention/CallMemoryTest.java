// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// What calls leave for the next ones, and what not.
class CallMemoryTest {
  private static final long LARGE = (1 << 20) + 1;

  private final CallMemory.Spare spare = new CallMemory.Spare();

  @Test
  void theNextCallTakesWhatACallGaveBack() {
    MemorySegment first = taken(5000);
    assertThat(taken(5000).address()).isEqualTo(first.address());
    assertThat(taken(8192).address()).as("the same power of two").isEqualTo(first.address());
    assertThat(taken(8193).address()).as("the next one").isNotEqualTo(first.address());
  }

  private MemorySegment taken(long bytes) {
    try (CallMemory call = new CallMemory(spare, 2)) {
      MemorySegment buffer = call.take(bytes);
      assertThat(buffer.byteSize()).isGreaterThanOrEqualTo(bytes);
      assertThat(buffer.address() % 64).isZero();
      call.give(buffer);
      return buffer;
    }
  }

  @Test
  void whatNobodyGaveBackIsNobodyElses() {
    try (CallMemory call = new CallMemory(spare, 2)) {
      for (long bytes : new long[] {0, 1, 64, 4096, LARGE}) {
        MemorySegment one = call.take(bytes);
        MemorySegment other = call.take(bytes);
        assertThat(other.address()).isNotEqualTo(one.address());
      }
    }
  }

  @Test
  void largeBuffersEndWithTheirCall() {
    MemorySegment buffer;
    try (CallMemory call = new CallMemory(spare, 2)) {
      buffer = call.take(LARGE);
      call.give(buffer);
      assertThat(call.take(LARGE).address()).isEqualTo(buffer.address());
    }
    assertThat(buffer.scope().isAlive()).isFalse();
  }

  @Test
  void noTwoThreadsHaveOneBuffer() {
    ConcurrentHashMap<Long, Boolean> held = new ConcurrentHashMap<>();
    AtomicInteger shared = new AtomicInteger();
    try (CallMemory call = new CallMemory(spare, 4)) {
      Parallel.run(
          4,
          8,
          task -> {
            Random random = new Random(task);
            for (int i = 0; i < 5000; i++) {
              long bytes = random.nextInt(10) == 0 ? LARGE : 64 << random.nextInt(4);
              MemorySegment buffer = call.take(bytes);
              if (held.put(buffer.address(), true) != null) {
                shared.incrementAndGet();
              }
              held.remove(buffer.address());
              call.give(buffer);
            }
          });
    }
    assertThat(shared).hasValue(0);
  }
}
