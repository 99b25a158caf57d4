// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/// Both benchmarks at a size of a few tokens, and what they do with a wrong implementation.
class AttentionBenchmarkTest {
  private static final AttentionOptions OPTIONS = AttentionOptions.defaults().withThreads(2);

  @Test
  void oursIsTimedWhereTheOthersAreLeftOut() throws IOException {
    List<BenchReport> shown = new ArrayList<>();
    ResultTable table =
        new AttentionBenchmark(settings(List.of(48L, 100L), true), OPTIONS, _ -> {})
            .experiment(shown::add)
            .run(Measured.here("", List.of()), Optional.empty());
    assertThat(table.name()).isEqualTo("attention");
    assertThat(table.content().column("N")).containsExactly("48", "48", "100", "100");
    assertThat(table.content().column("implementation"))
        .containsOnly("longnet, java", "longnet, java, right after a matrix product");
    assertThat(DoubleStream.of(table.content().numbers("time"))).allMatch(seconds -> seconds > 0);
    assertThat(shown).hasSize(1);
    assertThat(shown.getFirst().table()).contains("N = 100");
  }

  @Test
  void kernelsAreTimedAmongThemselves() throws IOException {
    ResultTable table =
        new KernelBenchmark(settings(List.of(70L), false), OPTIONS, _ -> {})
            .experiment(_ -> {})
            .run(Measured.here("", List.of()), Optional.empty());
    assertThat(table.name()).isEqualTo("kernels");
    assertThat(table.content().column("implementation"))
        .contains("segments of 64", "segments of 2048, scalar", "10,000 calls of 64 tokens");
    assertThat(table.content().notes().stream().filter(note -> note.startsWith("Goal: ")))
        .hasSize(5);
  }

  /// An implementation that is wrong by a thousandth, in its output or in a gradient, is not timed.
  @Test
  void aWrongImplementationIsFound() {
    DilatedAttentionSpec spec = settings(List.of(64L), true).small().getFirst();
    Contestant right = Contestant.java(spec, OPTIONS);
    Verification.againstOracle(List.of(right), settings(List.of(64L), true));
    for (boolean gradient : new boolean[] {false, true}) {
      assertThatThrownBy(() ->
              Verification.againstOracle(
                  List.of(right, new Wrong(right, gradient)), settings(List.of(64L), true)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("wrong by a thousandth: " + (gradient ? "grad_v" : "out"))
          .hasMessageContaining("nothing was timed");
    }
  }

  private record Wrong(Contestant right, boolean gradient) implements Contestant {
    @Override
    public String name() {
      return "wrong by a thousandth";
    }

    @Override
    public AttentionPattern pattern() {
      return right.pattern();
    }

    @Override
    public Tensor forward(Inputs x) {
      return gradient ? right.forward(x) : scaled(right.forward(x));
    }

    @Override
    public Backward prepare(Inputs x) {
      Backward pass = right.prepare(x);
      return () -> {
        Tensor[] gradients = pass.run();
        gradients[2] = scaled(gradients[2]);
        return gradients;
      };
    }

    @Override
    public boolean detachedWeights() {
      return false;
    }

    private static Tensor scaled(Tensor t) {
      return t.mul(new Scalar(1.001));
    }
  }

  private static BenchSettings settings(List<Long> lengths, boolean backward) {
    return new BenchSettings(
        "cpu",
        lengths,
        1,
        2,
        8,
        List.of(new Branch(16, 1), new Branch(48, 3)),
        true,
        backward,
        0,
        0,
        1,
        0.2);
  }
}
