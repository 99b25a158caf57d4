// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static dev.longnet.cli.AttendInput.converted;
import static dev.longnet.cli.AttendInput.inputs;
import static dev.longnet.cli.AttendInput.settings;
import static dev.longnet.cli.AttendInput.write;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.Floats;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.attention.AttentionOperators;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// What `attend` computes.
class AttendCommandTest {
  private static final Path GOLDEN =
      Path.of("../longnet-attention/src/test/resources/golden/attention");

  @TempDir Path temporary;
  private Path out;

  @BeforeEach
  void outFile() {
    out = temporary.resolve("out.safetensors");
  }

  static Stream<Arguments> goldenFilesAndKernels() throws IOException {
    try (Stream<Path> files = Files.list(GOLDEN)) {
      return files.sorted().toList().stream()
          .flatMap(file ->
              Stream.of("auto", "scalar", "simd", "torch")
                  .map(kernel -> Arguments.of(file, kernel)));
    }
  }

  @ParameterizedTest
  @MethodSource("goldenFilesAndKernels")
  void computesTheGoldenValues(Path in, String kernel) throws IOException {
    Cli run = Cli.run("attend", in, "--out", out, "--gradients", "--kernel", kernel);
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("out, lse, grad_q, grad_k, grad_v of [").contains(" -> " + out);
    assertEqual(in, "");
    Cli detached =
        Cli.run(
            "attend", in, "--out", out, "--gradients", "--detached-weights", "--kernel", kernel);
    assertThat(detached.exitCode()).isZero();
    assertEqual(in, "_detached_weights");
  }

  private void assertEqual(Path in, String suffix) throws IOException {
    try (SafetensorsFile expected = SafetensorsFile.open(in);
        SafetensorsFile actual = SafetensorsFile.open(out)) {
      assertThat(actual.names())
          .containsExactlyInAnyOrder("out", "lse", "grad_q", "grad_k", "grad_v");
      for (String key : List.of("segment_lengths", "dilation_ratios", "causal", "head_offsets")) {
        assertThat(actual.metadata()).containsEntry(key, expected.metadata().get(key));
      }
      for (String name : actual.names()) {
        assertClose(
            actual.tensor(name),
            expected.tensor(name.startsWith("grad") ? name + suffix : name),
            1e-6);
      }
    }
  }

  private static void assertClose(TensorEntry actual, TensorEntry expected, double tolerance) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    double largest = 1;
    for (long i = 0; i < expected.elements(); i++) {
      float value = Math.abs(Floats.get(expected, i));
      largest = Float.isInfinite(value) ? largest : Math.max(largest, value);
    }
    for (long i = 0; i < expected.elements(); i++) {
      float a = Floats.get(actual, i);
      float e = Floats.get(expected, i);
      if (a != e) {
        assertThat(Math.abs((double) a - e))
            .as("%s[%d]: %s, not %s", expected.name(), i, a, e)
            .isLessThanOrEqualTo(tolerance * largest);
      }
    }
  }

  /// q, k, v and grad_out in another type: the results are those of the rounded values, in float32.
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F64", "F32", "F16", "BF16"})
  void readsEveryFloatingType(DType type) throws IOException {
    List<TensorEntry> rounded = new ArrayList<>();
    List<TensorEntry> plain = new ArrayList<>();
    for (TensorEntry entry : inputs(1, 50, 3, 8)) {
      TensorEntry other = converted(entry, type);
      rounded.add(other);
      plain.add(
          new TensorEntry(
              entry.name(),
              DType.F32,
              entry.shape(),
              Floats.toFloat32(other, Arena.ofAuto()).data()));
    }
    Path other = write(temporary, "other", settings(), rounded);
    Path same = write(temporary, "same", settings(), plain);
    Path expected = temporary.resolve("expected.safetensors");
    assertThat(Cli.run("attend", same, "--out", expected, "--gradients").exitCode()).isZero();
    for (String kernel : List.of("scalar", "simd", "torch")) {
      assertThat(
              Cli.run("attend", other, "--out", out, "--gradients", "--kernel", kernel).exitCode())
          .isZero();
      try (SafetensorsFile a = SafetensorsFile.open(out);
          SafetensorsFile e = SafetensorsFile.open(expected)) {
        for (String name : e.names()) {
          assertThat(a.tensor(name).type()).isEqualTo(DType.F32);
          assertClose(a.tensor(name), e.tensor(name), 1e-6);
        }
      }
    }
  }

  /// bfloat16 through matrix units, where there are any: float32's results but for the rounding of
  /// weights.
  @Test
  void matrixUnitsTakeBfloats() throws IOException {
    Path in =
        write(
            temporary,
            "bfloats",
            Map.of("segment_lengths", "[128, 512]", "dilation_ratios", "[1, 3]", "causal", "true"),
            inputs(1, 50, 3, 16).stream().map(entry -> converted(entry, DType.BF16)).toList());
    Cli run = Cli.run("attend", in, "--out", out, "--gradients", "--kernel", "matrix");
    if (AttentionOperators.bfloatProducts().isEmpty()) {
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.err()).contains("neither AMX nor").hasLineCount(1);
      assertThat(out).doesNotExist();
      return;
    }
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("bfloat16 by A");
    Path expected = temporary.resolve("expected.safetensors");
    assertThat(Cli.run("attend", in, "--out", expected, "--gradients").exitCode()).isZero();
    try (SafetensorsFile a = SafetensorsFile.open(out);
        SafetensorsFile e = SafetensorsFile.open(expected)) {
      for (String name : e.names()) {
        assertClose(a.tensor(name), e.tensor(name), name.equals("lse") ? 1e-6 : 1.0 / 128);
      }
    }
  }

  @Test
  void optionsOverrideMetadata() throws IOException {
    Path dense =
        write(
            temporary,
            "dense",
            Map.of("segment_lengths", "[50]", "dilation_ratios", "[1]", "causal", "false"),
            inputs(1, 50, 3, 8));
    Path other = write(temporary, "other", settings(), inputs(1, 50, 3, 8));
    Path expected = temporary.resolve("expected.safetensors");
    assertThat(Cli.run("attend", other, "--out", expected).exitCode()).isZero();
    Cli run =
        Cli.run(
            "attend",
            dense,
            "--out",
            out,
            "--segment-lengths",
            "8,32",
            "--dilation-ratios",
            "1,3",
            "--causal",
            "true",
            "--head-offsets",
            "blocked");
    assertThat(run.exitCode()).as(run.err()).isZero();
    try (SafetensorsFile a = SafetensorsFile.open(out);
        SafetensorsFile e = SafetensorsFile.open(expected)) {
      assertThat(a.names()).containsExactlyInAnyOrder("out", "lse");
      assertThat(a.tensor("out").data().mismatch(e.tensor("out").data())).isEqualTo(-1);
      assertThat(a.metadata()).isEqualTo(e.metadata());
    }
  }

  @Test
  void emptySequenceGivesEmptyResults() throws IOException {
    Path in = write(temporary, "empty", settings(), inputs(2, 0, 3, 8));
    for (String kernel : List.of("scalar", "simd", "torch")) {
      Cli run = Cli.run("attend", in, "--out", out, "--gradients", "--kernel", kernel);
      assertThat(run.exitCode()).as(run.err()).isZero();
      try (SafetensorsFile file = SafetensorsFile.open(out)) {
        assertThat(file.tensor("lse").shape()).containsExactly(2, 3, 0);
        assertThat(file.tensor("grad_k").shape()).containsExactly(2, 0, 3, 8);
      }
    }
  }

  @Test
  void inputMayBeOverwritten() throws IOException {
    Path in = write(temporary, "in", settings(), inputs(1, 20, 3, 8));
    assertThat(Cli.run("attend", in, "--out", in).exitCode()).isZero();
    try (SafetensorsFile file = SafetensorsFile.open(in)) {
      assertThat(file.names()).containsExactlyInAnyOrder("out", "lse");
    }
  }
}
