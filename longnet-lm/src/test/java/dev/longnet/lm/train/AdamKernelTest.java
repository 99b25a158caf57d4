// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.core.config.OptimizerConfig.Rule;
import dev.longnet.lm.torch.Torch;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The loops of the CPU move weights as libtorch's fused kernels do, which is what GPUs run.
class AdamKernelTest {
  private static final long COUNT = 1003;

  private static AdamKernel.Group group(Tensor value) {
    return new AdamKernel.Group(
        0.1,
        List.of("w"),
        List.of(value),
        List.of(torch.zeros(COUNT)),
        List.of(torch.zeros(COUNT)),
        List.of(torch.zeros(COUNT)));
  }

  @ParameterizedTest
  @EnumSource(Rule.class)
  void tenStepsGiveTheSameWeights(Rule rule) {
    Torch.load();
    OptimizerConfig config = new OptimizerConfig(rule, 1e-2, 0.9, 0.98, 1e-8, 0.1);
    try (PointerScope _ = new PointerScope()) {
      torch.manual_seed(3);
      AdamKernel.Group theirs = group(torch.randn(COUNT));
      AdamKernel.Group ours = group(theirs.values().getFirst().clone());
      try (AdamKernel fused = new FusedAdam(config, List.of(theirs));
          AdamKernel loops = new LoopAdam(config, List.of(ours), Workers.alone())) {
        for (int n = 1; n <= 10; n++) {
          Tensor gradient = torch.randn(COUNT);
          theirs.gradients().getFirst().copy_(gradient);
          ours.gradients().getFirst().copy_(gradient);
          assertThat(loops.squares()).isCloseTo(fused.squares(), within(2e-6 * fused.squares()));
          fused.step(1e-2, 0.5, n);
          loops.step(1e-2, 0.5, n);
        }
      }
      Tensor expected = theirs.values().getFirst();
      double difference = ours.values().getFirst().sub(expected).abs().max().item_double();
      // A unit in the last place of the largest for every second step.
      assertThat(difference).isLessThanOrEqualTo(5 * 0x1p-23 * expected.abs().max().item_double());
    }
  }
}
