// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.core.stream.kernel.NativeFloats.load;
import static dev.longnet.core.stream.kernel.NativeFloats.store;

import dev.longnet.core.config.Activation;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;

/// The plain twin of [SimdKernels]: the formulas as loops.
final class ScalarKernels implements Kernels {
  private static final Logger LOGGER = System.getLogger(Kernels.class.getName());
  private static final AtomicBoolean SAID = new AtomicBoolean();

  /// These instead of the vector kernels; logged once.
  ///
  /// @param missing what the vector kernels lack, and the remedy
  static ScalarKernels instead(String missing) {
    if (SAID.compareAndSet(false, true)) {
      LOGGER.log(
          Level.WARNING,
          "stream kernels: scalar (several times slower than simd: " + missing + ")");
    }
    return new ScalarKernels();
  }

  @Override
  public int panelWidth() {
    return 16;
  }

  @Override
  public int productScratch() {
    return 0;
  }

  @Override
  public void product(
      long x,
      long xStride,
      int rows,
      PackedMatrix w,
      int fromPanel,
      int toPanel,
      long y,
      long yStride,
      long scratch) {
    int width = w.panelWidth();
    float[] sums = new float[width];
    for (int panel = fromPanel; panel < toPanel; panel++) {
      int columns = Math.min(width, w.out() - panel * width);
      for (int row = 0; row < rows; row++) {
        java.util.Arrays.fill(sums, 0);
        for (int k = 0; k < w.in(); k++) {
          float a = load(x + 4 * (row * xStride + k));
          long b = w.panel(panel, k);
          for (int n = 0; n < columns; n++) {
            sums[n] +=
                a * (w.quantized() ? ALL.get(ValueLayout.JAVA_BYTE, b + n) : load(b + 4L * n));
          }
        }
        for (int n = 0; n < columns; n++) {
          float scale = w.quantized() ? load(w.scales(panel) + 4L * n) : 1;
          store(
              y + 4 * (row * yStride + (long) panel * width + n),
              sums[n] * scale + load(w.bias(panel) + 4L * n));
        }
      }
    }
  }

  @Override
  public void layerNorm(
      long x, long xStride, int rows, int width, long gain, long bias, long y, long yStride) {
    for (int row = 0; row < rows; row++) {
      long from = x + 4L * row * xStride;
      long to = y + 4L * row * yStride;
      double sum = 0;
      for (int i = 0; i < width; i++) {
        sum += load(from + 4L * i);
      }
      double mean = sum / width;
      double squares = 0;
      for (int i = 0; i < width; i++) {
        double d = load(from + 4L * i) - mean;
        squares += d * d;
      }
      double reciprocal = 1 / Math.sqrt(squares / width + 1e-5);
      for (int i = 0; i < width; i++) {
        double normal = (load(from + 4L * i) - mean) * reciprocal;
        store(to + 4L * i, (float) (normal * load(gain + 4L * i) + load(bias + 4L * i)));
      }
    }
  }

  @Override
  public void activate(Activation a, long x, long count) {
    for (long i = 0; i < count; i++) {
      float value = load(x + 4 * i);
      store(
          x + 4 * i,
          switch (a) {
            case GELU -> (float) gelu(value);
            case RELU -> Math.max(value, 0);
            case SWISH -> (float) swish(value);
          });
    }
  }

  /// x Phi(x) in float64 with the rational function of [SimdLoops#gelu], exact to 5e-8 |x|.
  static double gelu(double x) {
    return 0.5 * x * (1 + ErfCoefficients.erf(x));
  }

  static double swish(double x) {
    return x / (1 + Math.exp(-x));
  }

  @Override
  public void add(long x, long y, long count) {
    for (long i = 0; i < count; i++) {
      store(y + 4 * i, load(y + 4 * i) + load(x + 4 * i));
    }
  }

  @Override
  public void scaleRows(long x, long rows, int width, long factors) {
    for (long i = 0; i < rows * width; i++) {
      store(x + 4 * i, load(x + 4 * i) * load(factors + 4 * (i % width)));
    }
  }

  @Override
  public void rotate(long x, long xStride, int rows, int heads, int headSize, long cos, long sin) {
    for (int row = 0; row < rows; row++) {
      for (int head = 0; head < heads; head++) {
        long at = x + 4 * (row * xStride + (long) head * headSize);
        for (int d = 0; d < headSize; d += 2) {
          long factor = 4 * ((long) row * headSize + d);
          float even = load(at + 4L * d);
          float odd = load(at + 4L * d + 4);
          store(at + 4L * d, even * load(cos + factor) + odd * load(sin + factor));
          store(at + 4L * d + 4, odd * load(cos + factor + 4) + even * load(sin + factor + 4));
        }
      }
    }
  }

  @Override
  public void convolve(
      long x, long xStride, int rows, int columns, long taps, int count, long past, long stride) {
    // From the last row, so that earlier ones are still there.
    for (int t = rows - 1; t >= 0; t--) {
      for (int i = 0; i < columns; i++) {
        double sum = 0;
        for (int j = 0; j < count; j++) {
          long row = t + j - count + 1L;
          double value =
              row < 0
                  ? load(past + 4 * ((row + count - 1) * stride + i))
                  : load(x + 4 * (row * xStride + i));
          sum += value * load(taps + 4 * (j * stride + i));
        }
        store(x + 4 * (t * xStride + i), (float) sum);
      }
    }
  }

  @Override
  public float logSumExp(long x, int count) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, load(x + 4L * i));
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp(load(x + 4L * i) - largest);
    }
    return (float) (largest + Math.log(sum));
  }

  @Override
  public void attend(
      long q,
      long k,
      long v,
      long count,
      int headSize,
      float scale,
      long scores,
      long out,
      long maxAndSum) {
    float old = load(maxAndSum);
    float largest = old;
    for (long i = 0; i < count; i++) {
      float score = 0;
      for (int d = 0; d < headSize; d++) {
        score += load(q + 4L * d) * load(k + 4 * (i * headSize + d));
      }
      store(scores + 4 * i, score * scale);
      largest = Math.max(largest, score * scale);
    }
    float shrink = old == Float.NEGATIVE_INFINITY ? 0 : (float) Math.exp(old - largest);
    float sum = load(maxAndSum + 4) * shrink;
    for (int d = 0; d < headSize; d++) {
      store(out + 4L * d, shrink == 0 ? 0 : load(out + 4L * d) * shrink);
    }
    for (long i = 0; i < count; i++) {
      float p = (float) Math.exp(load(scores + 4 * i) - largest);
      sum += p;
      for (int d = 0; d < headSize; d++) {
        store(out + 4L * d, load(out + 4L * d) + p * load(v + 4 * (i * headSize + d)));
      }
    }
    store(maxAndSum, largest);
    store(maxAndSum + 4, sum);
  }

  @Override
  public String description() {
    return "scalar";
  }
}
