// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.lm.torch.Torch;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A run on a GPU is the CPU's run to rounding: every tensor of model, loss and optimizer lives
/// there.
@Tag("gpu")
class GpuTrainingTest {
  @TempDir Path directory;

  @BeforeAll
  static void load() {
    Torch.load();
    assertThat(Torch.hasCuda()).as("these tests need a GPU and libtorch's -gpu natives").isTrue();
  }

  @ParameterizedTest
  @CsvSource({"fp32, false, 1e-3", "fp32, true, 1e-3", "bf16, false, 3e-2", "bf16, true, 3e-2"})
  void theLossesAreTheCpus(String precision, boolean checkpointing, double tolerance)
      throws Exception {
    String[] keys = {
      "runtime.precision=" + precision, "runtime.activation_checkpointing=" + checkpointing
    };
    List<Double> here = losses("cpu", keys[0], keys[1]);
    List<Double> there = losses("gpu", keys[0], keys[1], "runtime.device=cuda");
    assertThat(there).hasSameSizeAs(here);
    for (int i = 0; i < here.size(); i++) {
      assertThat(there.get(i)).isCloseTo(here.get(i), within(tolerance));
    }
  }

  @Test
  void aRunGoesOnFromItsCheckpoint() throws Exception {
    List<Double> straight = losses("straight", "runtime.device=cuda");
    Path interrupted = directory.resolve("interrupted");
    try (TinyRun run = TinyRun.start(interrupted, "training.max_steps=5", "runtime.device=cuda")) {
      run.run();
    }
    try (TinyRun run = TinyRun.resume(interrupted, "runtime.device=cuda")) {
      run.run();
      assertThat(run.losses().getLast()).isCloseTo(straight.getLast(), within(1e-3));
    }
  }

  @Test
  void theYardstickIsTheGpus() {
    assertThat(MatrixRate.measure(Precision.BF16, "cuda")).isGreaterThan(20e12);
  }

  @Test
  void finishWaits() {
    try (PointerScope _ = new PointerScope()) {
      Tensor x = torch.ones(4, 4).cuda();
      Torch.finish(x);
      Torch.finish(x.to(ScalarType.BFloat16).transpose(0, 1));
      Torch.finish(torch.ones(2));
    }
  }

  private List<Double> losses(String name, String... overrides) throws Exception {
    try (TinyRun run = TinyRun.start(directory.resolve(name), overrides)) {
      run.run();
      return run.losses();
    }
  }
}
