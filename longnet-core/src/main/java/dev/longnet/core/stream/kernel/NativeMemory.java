// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import java.lang.foreign.Arena;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Off-heap memory of one owner: a stream, a session, a model's weights. Closing it frees all of
/// it, so whoever fails half-way has one thing to close. What may grow lies in a part of its own:
/// the larger part is made first or after, then the old one is closed.
///
/// For any number of threads, but for closing: nothing may use what is freed.
public final class NativeMemory implements AutoCloseable {
  /// A vector load at the very end of a row may read up to one register beyond it.
  static final long PADDING = 64;

  private static final AtomicLong HELD = new AtomicLong();

  private final Arena arena = Arena.ofShared();
  private final Set<NativeMemory> parts = new HashSet<>();
  private final @Nullable NativeMemory whole;
  private final long limit;

  /// Bytes held here, those of the parts included.
  private long bytes;

  private boolean closed;

  public NativeMemory() {
    this(Long.MAX_VALUE);
  }

  /// @param limit bytes that this memory and its parts may hold; one more is an OutOfMemoryError
  public NativeMemory(long limit) {
    this(null, limit);
  }

  private NativeMemory(@Nullable NativeMemory whole, long limit) {
    this.whole = whole;
    this.limit = limit;
  }

  /// Memory that is freed when it is closed, or with this one.
  public NativeMemory part() {
    NativeMemory part = new NativeMemory(this, Long.MAX_VALUE);
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the memory is freed");
      }
      parts.add(part);
    }
    return part;
  }

  /// Makes what lives in this memory; frees the memory where that fails.
  public <T> T build(Function<NativeMemory, T> make) {
    try {
      return make.apply(this);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /// Zeroed floats, aligned to 64 bytes.
  ///
  /// @param count 0 is allowed
  public NativeFloats floats(long count) {
    long size = Math.addExact(Math.multiplyExact(count, 4L), PADDING);
    take(size);
    try {
      return new NativeFloats(arena.allocate(size, 64));
    } catch (RuntimeException | Error e) {
      take(-size);
      throw e;
    }
  }

  /// The same floats once more.
  public NativeFloats copy(NativeFloats floats) {
    NativeFloats copy = floats((floats.bytes() - PADDING) / 4);
    copy.segment().copyFrom(floats.segment());
    return copy;
  }

  /// Counts bytes here and in all that this is a part of.
  private void take(long size) {
    synchronized (this) {
      if (size > limit - bytes) {
        throw new OutOfMemoryError(
            String.format(
                Locale.ROOT,
                "off-heap memory is limited to %,d bytes: %,d held, %,d wanted",
                limit,
                bytes,
                size));
      }
      bytes += size;
    }
    try {
      if (whole == null) {
        HELD.addAndGet(size);
      } else {
        whole.take(size);
      }
    } catch (Error e) {
      synchronized (this) {
        bytes -= size;
      }
      throw e;
    }
  }

  /// Bytes held now, those of the parts included.
  public synchronized long bytes() {
    return bytes;
  }

  /// Bytes that all memory of this process holds; for tests of leaks.
  public static long held() {
    return HELD.get();
  }

  @Override
  public void close() {
    Set<NativeMemory> open;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      open = Set.copyOf(parts);
    }
    open.forEach(NativeMemory::close);
    arena.close();
    take(-bytes());
    if (whole != null) {
      whole.forget(this);
    }
  }

  private synchronized void forget(NativeMemory part) {
    parts.remove(part);
  }
}
