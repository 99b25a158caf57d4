// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Keeps Gloo's greeting off standard output, which may be read by a program: while one of these is
/// open, what the process writes there goes to standard error.
final class StandardOutput implements AutoCloseable {
  private static final @Nullable MethodHandle DUP = function("dup", 1);
  private static final @Nullable MethodHandle DUP2 = function("dup2", 2);
  private static final @Nullable MethodHandle CLOSE = function("close", 1);

  private static int open;
  private static int saved = -1;

  private StandardOutput() {}

  static synchronized StandardOutput toStandardError() {
    if (open++ == 0 && DUP2 != null) {
      saved = call(DUP, 1);
      call(DUP2, 2, 1);
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

  @SuppressWarnings("restricted") // calls of the C library, whose signatures are POSIX
  private static @Nullable MethodHandle function(String name, int arguments) {
    Linker linker = Linker.nativeLinker();
    ValueLayout[] types = new ValueLayout[arguments];
    Arrays.fill(types, ValueLayout.JAVA_INT);
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
