// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import org.bytedeco.pytorch.global.torch;

/// How many threads libtorch's operations use that the opening thread calls, until it closes this.
/// Scopes of one thread nest; other threads' operations keep their own number. Matrix products are
/// OpenBLAS's, whose number is the process's: while scopes of several threads are open, it is the
/// smallest of theirs.
public final class TorchThreads implements AutoCloseable {
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

  /// libtorch's pools are made anew when their size is set.
  private static void set(int count) {
    if (torch.get_num_threads() != count) {
      torch.set_num_threads(count);
    }
  }
}
