// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.core.config.OptimizerConfig.Rule;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.train.Optimizer;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The formula, operation by operation, is that of libtorch's fused kernels.
class AdamAgainstLibtorchTest {
  private static final long COUNT = 1003;

  @ParameterizedTest
  @EnumSource(Rule.class)
  void tenStepsGiveTheSameWeights(Rule rule) {
    Torch.load();
    for (RowLoops loops : RowLoopsContractTest.loops()) {
      try (PointerScope _ = new PointerScope()) {
        torch.manual_seed(3);
        Tensor theirs = torch.randn(COUNT);
        Tensor ours = theirs.clone();
        Tensor gradient = torch.zeros(COUNT);
        Tensor first = torch.zeros(COUNT);
        Tensor second = torch.zeros(COUNT);
        OptimizerConfig config = new OptimizerConfig(rule, 1e-2, 0.9, 0.98, 1e-8, 0.1);
        try (Optimizer optimizer =
            new Optimizer(config, Map.of("w", theirs), Map.of("w", gradient), _ -> true)) {
          for (int n = 1; n <= 10; n++) {
            gradient.copy_(torch.randn(COUNT));
            AdamStep step = new AdamStep(1e-2, 0.9, 0.98, 1e-8, 0.1, rule == Rule.ADAMW, 0.5, n);
            // Ours first: libtorch's kernel writes the scaled gradient back.
            loops.adam(
                ours.data_ptr().address(),
                gradient.data_ptr().address(),
                first.data_ptr().address(),
                second.data_ptr().address(),
                COUNT,
                step);
            optimizer.step(1e-2, 0.5);
          }
        }
        double difference = ours.sub(theirs).abs().max().item_double();
        double largest = theirs.abs().max().item_double();
        // A unit in the last place of the largest for every second step.
        assertThat(difference).isLessThanOrEqualTo(5 * 0x1p-23 * largest);
      }
    }
  }
}
