// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

/// Holds OpenBLAS at one thread while it is open. libtorch's CPU flash kernel calls OpenBLAS from
/// its own OpenMP threads; OpenBLAS's pool on top of those makes it two to three times slower.
/// Overlapping holds of several threads count as one.
public final class OneBlasThread implements AutoCloseable {
  private boolean open = true;

  private OneBlasThread() {}

  /// Closed by the caller.
  public static OneBlasThread hold() {
    Torch.load();
    BlasThreads.holdOne();
    return new OneBlasThread();
  }

  @Override
  public void close() {
    if (open) {
      open = false;
      BlasThreads.releaseOne();
    }
  }
}
