package dev.longnet.lm.train;

import dev.longnet.lm.config.RuntimeConfig.Precision;
import dev.longnet.lm.torch.Torch;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The machine's own speed limit: how fast libtorch multiplies large matrices here and now.
public final class MatrixRate {
  private static final int SIZE = 1024;
  private static final long NANOS = 500_000_000;

  private MatrixRate() {}

  /// Takes half a second.
  ///
  /// @return FLOP/s of the best of several products of [1024, 1024] matrices on the CPU
  public static double measure(Precision precision) {
    Torch.load();
    try (PointerScope scope = new PointerScope()) {
      ScalarType type =
          switch (precision) {
            case FP32 -> ScalarType.Float;
            case BF16 -> ScalarType.BFloat16;
          };
      Tensor a = torch.ones(SIZE, SIZE).mul(new Scalar(0.5)).to(type);
      Tensor b = a.clone();
      Tensor out = torch.empty_like(a);
      torch.mm_out(out, a, b);
      long best = Long.MAX_VALUE;
      long end = System.nanoTime() + NANOS;
      while (System.nanoTime() < end) {
        long began = System.nanoTime();
        torch.mm_out(out, a, b);
        torch.mm_out(out, a, b);
        best = Math.min(best, System.nanoTime() - began);
      }
      return 2 * 2.0 * SIZE * SIZE * SIZE / (best / 1e9);
    }
  }
}
