// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.core.config.OptimizerConfig.Rule;
import dev.longnet.lm.torch.NativePointers;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Against the update written out in float64 (Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter
/// 2019, algorithm 2).
class OptimizerTest {
  private static final int SIZE = 77;
  private static final double RATE = 3e-3;
  private static final double CLIP = 0.25;

  @ParameterizedTest
  @EnumSource(Rule.class)
  void followsTheFormulaInFloat64(Rule rule) {
    OptimizerConfig config = new OptimizerConfig(rule, RATE, 0.9, 0.98, 1e-8, 0.1);
    Random random = new Random(5);
    double[][] w = new double[2][SIZE];
    double[][] m = new double[2][SIZE];
    double[][] v = new double[2][SIZE];
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> values = tensors();
      Map<String, Tensor> gradients = tensors();
      Tensor[] value = values.values().toArray(Tensor[]::new);
      Tensor[] gradient = gradients.values().toArray(Tensor[]::new);
      for (int p = 0; p < 2; p++) {
        for (int i = 0; i < SIZE; i++) {
          w[p][i] = (float) random.nextGaussian();
          data(value[p]).put(i, (float) w[p][i]);
        }
      }
      try (Optimizer optimizer =
          new Optimizer(
              config, values, gradients, name -> values.get(name).dim() >= 2, Workers.alone())) {
        for (int step = 1; step <= 20; step++) {
          for (int p = 0; p < 2; p++) {
            double decay = p == 0 ? config.weightDecay() : 0;
            for (int i = 0; i < SIZE; i++) {
              float g = (float) random.nextGaussian();
              data(gradient[p]).put(i, g);
              double scaled = g * CLIP;
              if (rule == Rule.ADAMW) {
                w[p][i] -= RATE * decay * w[p][i];
              } else {
                scaled += decay * w[p][i];
              }
              m[p][i] = config.beta1() * m[p][i] + (1 - config.beta1()) * scaled;
              v[p][i] = config.beta2() * v[p][i] + (1 - config.beta2()) * scaled * scaled;
              double mHat = m[p][i] / (1 - Math.pow(config.beta1(), step));
              double vHat = v[p][i] / (1 - Math.pow(config.beta2(), step));
              w[p][i] -= RATE * mHat / (Math.sqrt(vHat) + config.epsilon());
            }
          }
          optimizer.step(RATE, CLIP);
        }
        assertThat(optimizer.applied()).isEqualTo(20);
      }
      for (int p = 0; p < 2; p++) {
        for (int i = 0; i < SIZE; i++) {
          // 20 roundings of weights of size ~1 to float32
          assertThat((double) data(value[p]).get(i))
              .isCloseTo(w[p][i], within(20 * Math.ulp(4f) * 0.5));
        }
      }
    }
  }

  @Test
  void theNormIsThatOfAllGradientsAndShowsWhatIsNotFinite() {
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> gradients = tensors();
      gradients.values().forEach(t -> t.fill_(new org.bytedeco.pytorch.Scalar(2.0)));
      try (Optimizer optimizer =
          new Optimizer(adamw(), tensors(), gradients, _ -> true, Workers.alone())) {
        assertThat(optimizer.gradientNorm()).isCloseTo(2 * Math.sqrt(2.0 * SIZE), within(1e-4));
        data(gradients.get("bias")).put(3, Float.NaN);
        assertThat(optimizer.gradientNorm()).isNaN();
        data(gradients.get("bias")).put(3, Float.POSITIVE_INFINITY);
        assertThat(optimizer.gradientNorm()).isInfinite();
      }
    }
  }

  @Test
  void stepsLeaveNoNativeMemoryBehind() throws InterruptedException {
    try (PointerScope scope = new PointerScope();
        Optimizer optimizer =
            new Optimizer(adamw(), tensors(), tensors(), _ -> true, Workers.alone())) {
      optimizer.step(RATE, CLIP);
      optimizer.gradientNorm();
      long before = NativePointers.settled();
      for (int i = 0; i < 50; i++) {
        optimizer.step(RATE, CLIP);
        optimizer.gradientNorm();
      }
      assertThat(Pointer.totalCount()).isEqualTo(before);
    }
  }

  private static OptimizerConfig adamw() {
    return new OptimizerConfig(Rule.ADAMW, RATE, 0.9, 0.98, 1e-8, 0.1);
  }

  /// A matrix, which decays, and a bias, which doesn't.
  private static Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("weight", torch.zeros(7, 11));
    tensors.put("bias", torch.zeros(SIZE));
    return tensors;
  }

  private static FloatPointer data(Tensor tensor) {
    return tensor.data_ptr_float();
  }
}
