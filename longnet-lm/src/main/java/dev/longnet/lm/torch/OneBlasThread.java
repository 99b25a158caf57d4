package dev.longnet.lm.torch;

import org.bytedeco.openblas.presets.openblas_nolapack;

/// Holds OpenBLAS at one thread while it is open. libtorch's CPU flash kernel calls OpenBLAS from
/// its own OpenMP threads; OpenBLAS's pool on top of those makes it two to three times slower.
/// Overlapping holds of several threads count as one.
public final class OneBlasThread implements AutoCloseable {
  private static int holds;
  private static int before;

  private boolean open = true;

  private OneBlasThread() {}

  /// Closed by the caller.
  public static OneBlasThread hold() {
    Torch.load();
    synchronized (OneBlasThread.class) {
      if (holds++ == 0) {
        before = openblas_nolapack.blas_get_num_threads();
        openblas_nolapack.blas_set_num_threads(1);
      }
    }
    return new OneBlasThread();
  }

  @Override
  public void close() {
    synchronized (OneBlasThread.class) {
      if (open && --holds == 0) {
        openblas_nolapack.blas_set_num_threads(before);
      }
      open = false;
    }
  }
}
