// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// How many threads libtorch's operations use that the opening thread calls, until it closes this.
/// Scopes of one thread nest; other threads' operations keep their own number. Matrix products are
/// OpenBLAS's, whose number is the process's: while scopes of several threads are open, it is the
/// smallest of theirs.
@SuppressWarnings("restricted")
public final class TorchThreads implements AutoCloseable {
  /// OpenMP's own call, which libtorch's operations ask for their number. libtorch's call also
  /// makes a pool anew that these operations do not use, which takes a millisecond; it is for
  /// builds without OpenMP.
  private static final @Nullable MethodHandle OPENMP = openMp();

  private final Thread owner = Thread.currentThread();
  private final int threads;
  private final int blas;
  private boolean open = true;

  TorchThreads(int count) {
    this.threads = torch.get_num_threads();
    set(count);
    this.blas = BlasThreads.want(count);
  }

  /// Puts back what was set before.
  @Override
  public void close() {
    if (Thread.currentThread() != owner) {
      throw new IllegalStateException("threads are put back by the thread that set them: " + owner);
    }
    if (open) {
      open = false;
      BlasThreads.want(blas);
      set(threads);
    }
  }

  static void set(int count) {
    if (torch.get_num_threads() == count) {
      return;
    }
    if (OPENMP == null) {
      torch.set_num_threads(count);
      return;
    }
    try {
      OPENMP.invokeExact(count);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static @Nullable MethodHandle openMp() {
    return SymbolLookup.loaderLookup()
        .find("omp_set_num_threads")
        .map(at ->
            Linker.nativeLinker()
                .downcallHandle(at, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT)))
        .orElse(null);
  }
}
