// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.openblas.presets.openblas_nolapack;

/// OpenBLAS has one number of threads for the whole process. While several threads want different
/// numbers it is the smallest of them, so that none gets more threads than it may use; when none
/// wants one it is what it was before.
final class BlasThreads {
  private static final Map<Thread, Integer> WANTED = new HashMap<>();
  private static int ones;
  private static int before;

  private BlasThreads() {}

  /// What the calling thread wants from now on.
  ///
  /// @param count 0: nothing
  /// @return what it wanted until now
  static synchronized int want(int count) {
    remember();
    Integer last =
        count == 0
            ? WANTED.remove(Thread.currentThread())
            : WANTED.put(Thread.currentThread(), count);
    apply();
    return last == null ? 0 : last;
  }

  /// One thread, whatever is wanted, until every hold is released.
  static synchronized void holdOne() {
    remember();
    ones++;
    apply();
  }

  static synchronized void releaseOne() {
    ones--;
    apply();
  }

  private static void remember() {
    if (ones == 0 && WANTED.isEmpty()) {
      before = openblas_nolapack.blas_get_num_threads();
    }
  }

  private static void apply() {
    int count =
        ones > 0 ? 1 : WANTED.isEmpty() ? before : Collections.min(WANTED.values()).intValue();
    if (openblas_nolapack.blas_get_num_threads() != count) {
      openblas_nolapack.blas_set_num_threads(count);
    }
  }
}
