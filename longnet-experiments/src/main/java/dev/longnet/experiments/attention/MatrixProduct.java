package dev.longnet.experiments.attention;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// The machine's yardstick: a float32 product of two [2048, 2048] matrices in libtorch. Owns its matrices.
final class MatrixProduct implements AutoCloseable {
  private static final long SIZE = 2048;

  private final PointerScope scope = new PointerScope();
  private final Tensor a = torch.randn(SIZE, SIZE);
  private final Tensor b = torch.randn(SIZE, SIZE);
  private final Tensor c = torch.empty(SIZE, SIZE);

  /// @return seconds of one product
  double time() {
    long start = System.nanoTime();
    torch.mm_out(c, a, b);
    return (System.nanoTime() - start) / 1e9;
  }

  static double flops() {
    return 2.0 * SIZE * SIZE * SIZE;
  }

  @Override
  public void close() {
    scope.close();
  }
}
