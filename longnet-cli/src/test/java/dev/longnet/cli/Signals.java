// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/// Signals to other processes, of Linux' numbers; sent by this one: to start `kill` takes longer
/// than what a test wants to hit.
enum Signals {
  KILL(9),
  CONT(18),
  STOP(19);

  @SuppressWarnings("restricted")
  private static final MethodHandle FUNCTION =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("kill"),
              FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));

  private final int number;

  Signals(int number) {
    this.number = number;
  }

  /// Does nothing where the process is gone.
  void send(Process process) {
    if (process.isAlive()) {
      try {
        int _ = (int) FUNCTION.invokeExact((int) process.pid(), number);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }
  }
}
