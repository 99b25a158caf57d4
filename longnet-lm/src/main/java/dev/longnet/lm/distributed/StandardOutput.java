// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Keeps Gloo's greeting from people and programs: while one of these is open, what the process
/// writes to standard output goes nowhere. It is open while ranks connect, when nothing of ours is
/// written.
final class StandardOutput implements AutoCloseable {
  private static final @Nullable MethodHandle DUP = function("dup", 1);
  private static final @Nullable MethodHandle DUP2 = function("dup2", 2);
  private static final @Nullable MethodHandle CLOSE = function("close", 1);
  private static final @Nullable MethodHandle OPEN =
      function("open", ValueLayout.ADDRESS, ValueLayout.JAVA_INT);

  private static final int WRITE_ONLY = 1;

  private static int open;
  private static int saved = -1;

  private StandardOutput() {}

  static synchronized StandardOutput silenced() {
    if (open++ == 0 && DUP2 != null) {
      int nowhere = nowhere();
      if (nowhere >= 0) {
        saved = call(DUP, 1);
        call(DUP2, nowhere, 1);
        call(CLOSE, nowhere);
      }
    }
    return new StandardOutput();
  }

  @Override
  public void close() {
    synchronized (StandardOutput.class) {
      if (--open == 0 && saved >= 0) {
        call(DUP2, saved, 1);
        call(CLOSE, saved);
        saved = -1;
      }
    }
  }

  private static int nowhere() {
    try (Arena arena = Arena.ofConfined()) {
      return call(OPEN, arena.allocateFrom("/dev/null"), WRITE_ONLY);
    }
  }

  private static @Nullable MethodHandle function(String name, int arguments) {
    MemoryLayout[] types = new MemoryLayout[arguments];
    Arrays.fill(types, ValueLayout.JAVA_INT);
    return function(name, types);
  }

  @SuppressWarnings("restricted") // calls of the C library, whose signatures are POSIX
  private static @Nullable MethodHandle function(String name, MemoryLayout... types) {
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find(name)
        .map(at -> linker.downcallHandle(at, FunctionDescriptor.of(ValueLayout.JAVA_INT, types)))
        .orElse(null);
  }

  private static int call(@Nullable MethodHandle function, Object... arguments) {
    try {
      return function == null ? -1 : (int) function.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
