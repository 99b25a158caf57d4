// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.io.FieldException;
import dev.longnet.experiments.train.TrainingBenchmark.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// PyTorch beside our steps, with a stand-in that speaks its protocol and, where there is one, with
/// a Python that has it.
class PyTorchTest {
  @TempDir Path folder;

  @Test
  void aFigureStandsBesideOursAndWhatFailsIsNamed() throws IOException {
    RunConfig config = TinyRun.config(folder);
    Result alone = run(config, Python.find(Python.NONE));
    assertThat(alone.pytorch().reasons()).isEmpty();
    assertThat(alone.timesPyTorch()).isEmpty();

    Result beside = run(config, Python.find(standIn(alone.firstLoss() * (1 + 1e-6))));
    assertThat(beside.pytorch().eager()).hasValue(2.0);
    assertThat(beside.pytorch().compiled()).isEmpty();
    assertThat(beside.timesPyTorch()).hasValue(2 / beside.seconds());
    assertThat(TrainingTable.notes(List.of(beside)))
        .hasSize(3)
        .anyMatch(note -> note.startsWith("PyTorch 2.0, Python 3.0, 2 threads"))
        .anyMatch(note -> note.contains("the best of ours is"))
        .contains(
            "PyTorch's figure is missing, tiny fp32: compiled: InductorError: no C++ compiler");
    // How many steps warm up depends on the clock, so only the first loss is the same.
    assertThat(beside.firstLoss()).isEqualTo(alone.firstLoss());
  }

  @Test
  void anotherLossIsRefused() throws IOException {
    RunConfig config = TinyRun.config(folder);
    double ours = run(config, Python.find(Python.NONE)).firstLoss();
    Result result = run(config, Python.find(standIn(ours * (1 + 1e-4))));
    assertThat(result.pytorch().best()).isEmpty();
    assertThat(result.pytorch().reasons())
        .hasSize(2)
        .anyMatch(reason -> reason.startsWith("eager: refused, its loss is another"));
  }

  @Test
  void aProcessThatDiesCostsItsFigureAlone() throws IOException {
    Path dying =
        script("case $1 in -W) exit 0;; esac\necho 'MemoryError: too large' >&2\nexit 1\n");
    Result result = run(TinyRun.config(folder), Python.find(dying.toString()));
    assertThat(result.pytorch().reasons())
        .containsExactly("its process ended: MemoryError: too large");
    assertThat(result.seconds()).isPositive();
  }

  @Test
  void aPythonWithoutPyTorchIsSaid() throws IOException {
    String without =
        script("echo \"ModuleNotFoundError: No module named 'torch'\"\nexit 1\n").toString();
    assertThat(Python.find(null, without).missing().orElseThrow())
        .isEqualTo(
            without
                + " does not import torch (ModuleNotFoundError: No module named 'torch');"
                + " --python or LONGNET_PYTHON names one that does");
    assertThat(Python.find(null, "/none/python").missing().orElseThrow())
        .contains("does not start");
    assertThatThrownBy(() -> Python.find(without, null))
        .isInstanceOf(FieldException.class)
        .hasMessageContaining("python must be a Python that imports torch, or none: python=");
    assertThat(Python.find(null, Python.NONE).missing()).hasValue("");
  }

  @Test
  void differencesBeyondRoundingAreNamed() {
    assertThat(PyTorchSteps.difference(5, 5 * (1 + 9e-6), Precision.FP32)).isEmpty();
    assertThat(PyTorchSteps.difference(5, 5 * (1 + 2e-5), Precision.FP32))
        .contains("5.0001000, ours 5.0000000");
    assertThat(PyTorchSteps.difference(5, 5 * (1 + 1e-3), Precision.BF16)).isEmpty();
    assertThat(PyTorchSteps.difference(5, 5.05, Precision.BF16)).isNotEmpty();
    assertThat(PyTorchSteps.difference(5, Double.NaN, Precision.BF16)).isNotEmpty();
  }

  @Test
  void modelsThatTheScriptDoesNotKnowAreNamed() throws IOException {
    assertThat(PyTorchModel.unknown(TinyRun.config(folder))).isEmpty();
    assertThat(PyTorchModel.unknown(TinyRun.config(folder, "runtime.device=cuda")))
        .hasValueSatisfying(why -> assertThat(why).contains("CPU only"));
    assertThat(
            PyTorchModel.unknown(
                TinyRun.config(
                    folder, "model.attention={type: sparse, block_length: 16, columns: 2}")))
        .hasValueSatisfying(why -> assertThat(why).endsWith("not sparse"));
    assertThat(PyTorchModel.unknown(TinyRun.config(folder, branches("heads: [1]")))).isEmpty();
    for (String key : List.of("window: sliding", "dilate: keys", "shift: 4")) {
      assertThat(PyTorchModel.unknown(TinyRun.config(folder, branches(key))))
          .hasValueSatisfying(why -> assertThat(why).endsWith("plain segments only"));
    }
  }

  private static String branches(String key) {
    return "model.attention={type: dilated, branches: [{segment_length: 16}, "
        + "{segment_length: 32, dilation: 2, "
        + key
        + "}]}";
  }

  /// The script computes our loss for every kind of model it takes, and no other.
  @Tag("slow")
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          model.positions=xpos
          model.positions=rope
          model.positions=none
          model.positions_base=500
          model.positions_share=0.5
          model.nope_heads=1
          model.nope_heads=1;model.nope_scale=40
          model.nope_heads=1;model.nope_scale=40;model.attention={type: dilated, branches: [{segment_length: 24}, {segment_length: 500, heads: [0], layers: [1]}]}
          model.short_convolution=4
          model.tied_output=false
          model.attention={type: dense}
          model.attention.head_offsets=blocked
          model.attention={type: dilated, segment_lengths: [64], dilations: [1]}
          model.attention={type: dilated, segment_lengths: [24, 40, 500], dilations: [1, 3, 8]}
          model.mixers=[{type: dilated, segment_lengths: [64], dilations: [3]}, dense]
          model.attention={type: dilated, branches: [{segment_length: 24}, {segment_length: 500, heads: [0], layers: [1]}]}
          model.attention={type: dilated, branches: [{segment_length: 24}, {segment_length: 96, dilation: 3, heads: [0, 1]}]}
          runtime.precision=bf16
          """)
  void theScriptComputesTheSame(String override) throws Exception {
    Python python = Python.find(null);
    assumeTrue(python.missing().isEmpty(), python.missing().orElse(""));
    RunConfig config = TinyRun.config(folder, ("model.layers=2;" + override).split(";"));
    double tolerance = config.runtime().precision() == Precision.BF16 ? 0x1p-9 : 1e-5;
    try (ModelSteps own = new ModelSteps(config, null);
        PyTorchProcess other =
            new PyTorchProcess(
                python.command(), config, own.decoder().parameters(), own.tokens())) {
      double ours = own.step();
      assertThat(Math.abs(other.loss(PyTorchProcess.Variant.EAGER) / ours - 1))
          .isLessThan(tolerance);
      List<Double> losses = other.steps(PyTorchProcess.Variant.EAGER, 3).losses();
      // The weights of its first step are the same, those after one update are nearly.
      assertThat(losses.get(1) / own.step() - 1).isBetween(-2e-3, 2e-3);
      assertThat(losses.getLast()).isLessThan(losses.getFirst());
    }
    if (config.runtime().precision() == Precision.FP32) {
      assertAnotherModelDiffers(python, config, tolerance);
    }
  }

  /// The same weights with other segments.
  private void assertAnotherModelDiffers(Python python, RunConfig config, double tolerance)
      throws Exception {
    RunConfig other =
        TinyRun.config(
            folder,
            "model.layers=2",
            "model.tied_output=" + config.model().tiedOutput(),
            "model.nope_heads=" + config.model().nopeHeads(),
            "model.nope_scale=" + config.model().nopeScale(),
            "model.short_convolution=" + config.model().shortConvolution(),
            "model.attention={type: dilated, segment_lengths: [16, 48], dilations: [1, 4]}");
    try (ModelSteps own = new ModelSteps(config, null);
        PyTorchProcess process =
            new PyTorchProcess(python.command(), other, own.decoder().parameters(), own.tokens())) {
      assertThat(Math.abs(process.loss(PyTorchProcess.Variant.EAGER) / own.step() - 1))
          .isGreaterThan(tolerance);
    }
  }

  private static Result run(RunConfig config, Python python) {
    return new TrainingBenchmark(config, new StepTiming("steps", 2, 1), python, _ -> {}).run();
  }

  /// Speaks the protocol: two seconds a step, and no compiler.
  private String standIn(double loss) throws IOException {
    return script(
            """
            case $1 in -W) exit 0;; esac
            [ -s "$2" ] || exit 3
            echo '{"python": "3.0", "torch": "2.0", "threads": 2}'
            while read -r request variant count; do
              case "$request $variant" in
                'check eager') echo '{"loss": %s}';;
                'steps eager')
                  times=2; losses=1
                  while [ "$count" -gt 1 ]; do
                    times="$times, 2"; losses="$losses, 1"; count=$((count - 1))
                  done
                  echo "{\\"seconds\\": [$times], \\"losses\\": [$losses]}";;
                *) echo '{"error": "InductorError: no C++ compiler\\u000aand more"}';;
              esac
            done
            """
                .formatted(String.format(Locale.ROOT, "%.9f", loss)))
        .toString();
  }

  private Path script(String text) throws IOException {
    Path file = Files.writeString(folder.resolve("python"), "#!/bin/sh\n" + text);
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return file;
  }
}
