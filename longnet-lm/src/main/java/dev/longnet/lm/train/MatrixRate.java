// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.lm.torch.Torch;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The machine's own speed limit: how fast libtorch multiplies large matrices here and now.
public final class MatrixRate {
  private static final int SIZE = 1024;
  private static final int GPU_SIZE = 8192;
  private static final long NANOS = 500_000_000;

  private MatrixRate() {}

  /// Takes half a second.
  ///
  /// @param device `cpu`, `cuda` or `cuda:INDEX`
  /// @return FLOP/s of the best of several products of square matrices: [1024, 1024] on the CPU,
  ///   [8192, 8192] on a GPU
  public static double measure(Precision precision, String device) {
    Torch.load();
    try (PointerScope scope = new PointerScope()) {
      ScalarType type =
          switch (precision) {
            case FP32 -> ScalarType.Float;
            case BF16 -> ScalarType.BFloat16;
          };
      long size = device.equals("cpu") ? SIZE : GPU_SIZE;
      Tensor a = torch.randn(size, size).to(new Device(device), type);
      Tensor b = a.clone();
      Tensor out = torch.empty_like(a);
      torch.mm_out(out, a, b);
      Torch.finish(out);
      long best = Long.MAX_VALUE;
      long end = System.nanoTime() + NANOS;
      while (System.nanoTime() < end) {
        long began = System.nanoTime();
        torch.mm_out(out, a, b);
        torch.mm_out(out, a, b);
        Torch.finish(out);
        best = Math.min(best, System.nanoTime() - began);
      }
      return 2 * 2.0 * size * size * size / (best / 1e9);
    }
  }
}
