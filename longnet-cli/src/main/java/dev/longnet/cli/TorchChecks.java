// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static dev.longnet.cli.Check.fail;
import static dev.longnet.cli.Check.ok;
import static dev.longnet.cli.Check.warn;

import dev.longnet.attention.kernel.BfloatProducts;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.torch.Torch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The checks of `longnet doctor` that run libtorch: it loads, how fast it multiplies matrices,
/// whether it sees a GPU.
final class TorchChecks {
  private static final int SIZE = 1024;
  private static final double SECONDS = 0.4;

  private TorchChecks() {}

  static List<Check> all() {
    long start = System.nanoTime();
    try {
      Torch.load();
    } catch (EnvironmentException e) {
      return List.of(fail("libtorch", "does not load", e.getMessage()));
    }
    double loaded = (System.nanoTime() - start) / 1e9;
    double fp32 = matrixRate(ScalarType.Float);
    double bf16 = matrixRate(ScalarType.BFloat16);
    String finding =
        String.format(
            Locale.ROOT,
            "loaded in %.1f s; matrix products on %d threads: float32 %.0f GFLOP/s, bfloat16 %.0f GFLOP/s",
            loaded,
            Torch.threads(),
            fp32 / 1e9,
            bf16 / 1e9);
    return List.of(
        ok("libtorch", finding),
        matrixUnits(AttentionOperators.bfloatProducts()),
        gpu(Torch.hasCuda(), Files.exists(Path.of("/dev/nvidia0"))));
  }

  private static Check matrixUnits(Optional<BfloatProducts> products) {
    return ok(
        "matrix units",
        products
            .map(unit ->
                unit.description()
                    + ": models in bf16 use it for attention"
                    + (unit.leastKeys() == 0
                        ? ""
                        : ", from " + unit.leastKeys() + " keys a segment on")
                    + ", and so does attend --kernel matrix")
            .orElse("none for bfloat16; attention runs in vector loops"));
  }

  static Check gpu(boolean seen, boolean present) {
    if (seen) {
      return ok("GPU", "CUDA is ready: runtime.device: cuda in a recipe uses it");
    }
    return present
        ? warn(
            "GPU",
            "this machine has one, this build of libtorch can't use it",
            "build with MAVEN_ARGS=-Djavacpp.platform.extension=-gpu, with the libraries of "
                + "CUDA 13, cuDNN 9 and NCCL in LD_LIBRARY_PATH")
        : ok("GPU", "none; nothing here needs one");
  }

  /// Floating-point operations a second of a product of two square matrices.
  private static double matrixRate(ScalarType type) {
    try (PointerScope _ = new PointerScope()) {
      Tensor a = torch.rand(SIZE, SIZE).to(type);
      Tensor b = torch.rand(SIZE, SIZE).to(type);
      Tensor c = torch.mm(a, b);
      long start = System.nanoTime();
      int products = 0;
      while (System.nanoTime() - start < SECONDS * 1e9) {
        torch.mm_out(c, a, b);
        products++;
      }
      return products * 2.0 * SIZE * SIZE * SIZE / ((System.nanoTime() - start) / 1e9);
    }
  }
}
