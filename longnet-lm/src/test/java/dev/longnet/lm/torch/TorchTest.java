// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.junit.jupiter.api.Test;

class TorchTest {
  @Test
  void threadsReachBothPoolsUntilTheyArePutBack() {
    Torch.load();
    int before = Torch.threads();
    int blas = openblas_nolapack.blas_get_num_threads();
    try (TorchThreads _ = Torch.threads(1)) {
      assertThat(Torch.threads()).isEqualTo(1);
      assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(1);
      try (TorchThreads _ = Torch.threads(3)) {
        assertThat(Torch.threads()).isEqualTo(3);
        assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(3);
        try (OneBlasThread _ = OneBlasThread.hold()) {
          assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(1);
        }
        assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(3);
      }
      assertThat(Torch.threads()).isEqualTo(1);
      assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(1);
    }
    assertThat(Torch.threads()).isEqualTo(before);
    assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(blas);
    try (TorchThreads _ = Torch.threads(0)) {
      assertThat(Torch.threads()).isEqualTo(Runtime.getRuntime().availableProcessors());
    }
    assertThatThrownBy(() -> Torch.threads(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anotherThreadKeepsItsNumber() throws Exception {
    Torch.load();
    int blas = openblas_nolapack.blas_get_num_threads();
    CountDownLatch set = new CountDownLatch(1);
    CountDownLatch seen = new CountDownLatch(1);
    try (ExecutorService other = Executors.newSingleThreadExecutor();
        TorchThreads _ = Torch.threads(4)) {
      Future<Integer> others =
          other.submit(() -> {
            try (TorchThreads _ = Torch.threads(3)) {
              set.countDown();
              seen.await();
              return Torch.threads();
            }
          });
      set.await();
      try {
        assertThat(Torch.threads()).isEqualTo(4);
        // OpenBLAS's number is the process's: nobody gets more than it may use.
        assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(3);
        try (TorchThreads _ = Torch.threads(2)) {
          assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(2);
        }
        assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(3);
      } finally {
        seen.countDown();
      }
      assertThat(others.get()).isEqualTo(3);
      assertThat(Torch.threads()).isEqualTo(4);
      assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(4);
    }
    assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(blas);
  }

  @Test
  void overlappingHoldsEndWithTheLast() {
    Torch.load();
    int before = openblas_nolapack.blas_get_num_threads();
    OneBlasThread first = OneBlasThread.hold();
    OneBlasThread second = OneBlasThread.hold();
    first.close();
    first.close();
    assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(1);
    second.close();
    assertThat(openblas_nolapack.blas_get_num_threads()).isEqualTo(before);
  }

  @Test
  void adviceNamesWhatIsMissing() {
    assertThat(
            Torch.spinAdvice(Map.of("OPENBLAS_THREAD_TIMEOUT", "4", "OMP_WAIT_POLICY", "PASSIVE")))
        .isEmpty();
    assertThat(Torch.spinAdvice(Map.of("OMP_WAIT_POLICY", "PASSIVE")))
        .contains("OPENBLAS_THREAD_TIMEOUT=4")
        .doesNotContain("OMP_WAIT_POLICY");
    assertThat(Torch.spinAdvice(Map.of()))
        .contains("OPENBLAS_THREAD_TIMEOUT=4 OMP_WAIT_POLICY=PASSIVE");
  }

  @Test
  void unknownOperatorIsNamed() {
    assertThatThrownBy(() -> Operator.named("aten::no_such_thing"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("aten::no_such_thing");
  }

  @Test
  void aCacheThatIsMountedNoexecIsNamed() {
    Error above = new UnsatisfiedLinkError("no jnitorch in java.library.path: /lib");
    assertThat(Torch.mountedNoexec(above)).isEmpty();
    above.initCause(
        new UnsatisfiedLinkError(
            "/cache/libjnitorch.so: failed to map segment from shared object"));
    assertThat(Torch.mountedNoexec(above).orElseThrow())
        .contains("-Dorg.bytedeco.javacpp.cachedir=DIR");
  }

  @Test
  void aMissingCudaLibraryIsNamed() {
    Throwable loader =
        new UnsatisfiedLinkError(
            "/cache/libtorch_cuda.so: libcudnn.so.9: cannot open shared object file: No such file or directory");
    Error above = new UnsatisfiedLinkError("no jnitorch in java.library.path: /lib");
    above.initCause(loader);
    assertThat(Torch.missingCuda(above))
        .contains("(/cache/libtorch_cuda.so: libcudnn.so.9: cannot open")
        .contains("LD_LIBRARY_PATH");
    assertThat(Torch.missingCuda(new NoClassDefFoundError("x")))
        .contains("does not load: put the folders");
  }
}
