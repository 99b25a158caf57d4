// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.lm.torch.Torch;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// The machine's yardstick: a product of two square matrices in libtorch, in the type that
/// attention's operands have. Owns its matrices.
final class MatrixProduct implements AutoCloseable {
  private final PointerScope scope = new PointerScope();
  private final Tensor a;
  private final Tensor b;
  private final Tensor c;

  MatrixProduct(BenchSettings settings) {
    long size = size(settings);
    Device device = new Device(settings.device());
    a = torch.randn(size, size).to(device, settings.type());
    b = torch.randn(size, size).to(device, settings.type());
    c = torch.empty_like(a);
    Torch.finish(b);
  }

  /// @return seconds of one product
  double time() {
    long start = System.nanoTime();
    torch.mm_out(c, a, b);
    Torch.finish(c);
    return (System.nanoTime() - start) / 1e9;
  }

  /// How many rows and columns each matrix has.
  static long size(BenchSettings settings) {
    return settings.gpu() ? 8192 : 2048;
  }

  static double flops(BenchSettings settings) {
    double size = size(settings);
    return 2 * size * size * size;
  }

  @Override
  public void close() {
    scope.close();
  }
}
