// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Takes over the launcher's standard error. The JVM starts with descriptor 2 behind a filter that
/// drops its line about the incubating Vector API, and the terminal (or file) on the descriptor
/// that `longnet.stderr` names; from here on descriptor 2 is that one, for Java and native code
/// alike, and the filter ends.
final class StandardError {
  private StandardError() {}

  @SuppressWarnings("restricted") // two calls of the C library, whose signatures are POSIX
  static void takeOver() {
    String descriptor = System.getProperty("longnet.stderr");
    if (descriptor == null) {
      return;
    }
    try {
      Linker linker = Linker.nativeLinker();
      MethodHandle dup2 =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("dup2"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      MethodHandle close =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("close"),
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      int source = Integer.parseInt(descriptor);
      int taken = (int) dup2.invokeExact(source, 2);
      if (taken == 2) {
        int closed = (int) close.invokeExact(source);
        assert closed == 0 : "descriptor " + source;
      }
    } catch (Throwable e) { // the filter stays: every line still arrives
      System.getLogger(StandardError.class.getName())
          .log(System.Logger.Level.DEBUG, "standard error stays filtered", e);
    }
  }
}
