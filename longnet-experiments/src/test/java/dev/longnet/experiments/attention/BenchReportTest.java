// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.experiments.MemoryProbe;
import dev.longnet.experiments.results.ResultTable;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/// What a report says about made-up results.
class BenchReportTest {
  private static final double RATE = 200;

  private final List<BenchResult> results = new ArrayList<>();

  @Test
  void goalsAreWhatTheResultsReach() {
    // 100 units of work in 0.01 s are 10 GFLOP/s where a unit is 10^6: 1.7e12 FLOP in 10 s are 170.
    add(AttentionBenchmark.OURS, 32768, 10, 1.7e12);
    add("dilated, PyTorch user, one BLAS thread", 32768, 14, 1.7e12);
    add("dilated, PyTorch user, as it comes", 32768, 30, 1.7e12);
    add("dense, libtorch, one BLAS thread", 32768, 95, 2e13);
    add("dense, libtorch, as it comes", 32768, 91, 2e13);
    BenchReport report = report(paper(List.of(32768L)));
    assertThat(report.goals()).extracting(Goal::wanted).containsExactly(0.85, 1.5, 2.5, 9.0);
    double[] reached = report.goals().stream().mapToDouble(Goal::reached).toArray();
    assertThat(reached).containsExactly(new double[] {0.85, 1.4, 3, 9.1}, within(1e-12));
    assertThat(report.goals()).extracting(Goal::met).containsExactly(true, false, true, true);
    assertThat(report.table()).contains("MISSED", "reached", "85 %".replace(" ", ".0 "));
  }

  /// The goals were set for one shape, on the CPU.
  @Test
  void otherShapesHaveNoGoals() {
    add(AttentionBenchmark.OURS, 32768, 10, 1.7e12);
    BenchSettings gpu =
        new BenchSettings(
            "cuda",
            List.of(32768L),
            1,
            12,
            64,
            DilatedAttentionSpec.paper(true).segments(),
            true,
            false,
            0,
            0,
            1,
            1);
    assertThat(report(gpu).goals()).isEmpty();
    results.clear();
    add(AttentionBenchmark.OURS, 16384, 10, 1.7e12);
    assertThat(report(paper(List.of(16384L))).goals()).isEmpty();
  }

  /// time = c N^1.1: above the limit, told only where the lengths lie far apart.
  @Test
  void growthIsAGoalOfLongSequences() {
    for (long tokens : new long[] {8192, 131072, 4_194_304}) {
      add(AttentionBenchmark.OURS, tokens, 1e-6 * Math.pow(tokens, 1.1), 1e6 * tokens);
    }
    BenchReport report = report(paper(List.of(8192L, 131072L, 4_194_304L)));
    assertThat(report.exponents().get(AttentionBenchmark.OURS)).isCloseTo(1.1, within(1e-9));
    Goal goal = report.goals().getLast();
    assertThat(goal.most()).isTrue();
    assertThat(goal.met()).isFalse();
    assertThat(goal.line()).contains("<= 1.020", "1.100", "MISSED");
    results.removeLast();
    assertThat(report(paper(List.of(8192L, 131072L))).goals()).isEmpty();
  }

  @Test
  void theTableHasARowAResult() {
    add(AttentionBenchmark.OURS, 8192, 2, 2e11);
    add("dense, libtorch", 8192, 5, 4e11);
    ResultTable.Content content = report(paper(List.of(8192L))).content();
    assertThat(content.column("implementation"))
        .containsExactly(AttentionBenchmark.OURS, "dense, libtorch");
    assertThat(content.numbers("share")).containsExactly(new double[] {50, 40}, within(1e-9));
    assertThat(content.numbers("times the first")).containsExactly(1, 2.5);
    assertThat(content.column("peak memory")).containsExactly("4096", "4096");
    assertThat(String.join("\n", content.notes()))
        .contains("forward pass, B = 1, H = 12, D = 64, causal", "N = 8,192: branches [2048/1, ");
  }

  private void add(String name, long tokens, double seconds, double flops) {
    MemoryProbe memory = new MemoryProbe(OptionalLong.of(4096), OptionalLong.empty(), 0);
    results.add(BenchResult.of(name, tokens, new double[] {seconds}, flops, memory));
  }

  private BenchReport report(BenchSettings settings) {
    return BenchReport.of(settings, RATE, 2, results);
  }

  private static BenchSettings paper(List<Long> lengths) {
    return new BenchSettings(
        "cpu",
        lengths,
        1,
        12,
        64,
        DilatedAttentionSpec.paper(true).segments(),
        true,
        false,
        0,
        0,
        1,
        1);
  }
}
