// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.RunConfig;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Beside figures computed by hand from the pattern's closed forms.
class PlannerTest {
  private static final double MB = 1e6;

  /// Rows by branch: 2 d b sum over w > L of (w - L) / r.
  @ParameterizedTest
  @CsvSource({"2, 8.39, 1.008", "4, 20.97, 1.030", "8, 33.55, 1.059", "16, 46.14, 1.112"})
  void thePapersLadderOnAFewRanks(int ranks, double megabytes, double balance) throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    MeshPlan plan = Plans.plan(config, Plans.device(50e9, 125e6), ranks);
    assertThat(plan.exchange().wanted() * 2 * 768 * 4 / MB)
        .isCloseTo(megabytes, within(0.002 * megabytes));
    assertThat(plan.exchange().forwardBytes()).isEqualTo(plan.exchange().rows() * 2 * 768 * 4);
    assertThat(plan.exchange().rows()).isLessThanOrEqualTo(plan.exchange().wanted());
    assertThat(plan.time().balance()).isCloseTo(balance, within(0.0006));
  }

  /// A row that several branches want is sent once, which saves 23 to 40 % at 16 to 64 ranks.
  @ParameterizedTest
  @CsvSource({"1048576, 64, 105.2", "1073741824, 1024, 188.8"})
  void theDoubledLadderOnManyRanks(long window, int ranks, double megabytes) throws IOException {
    MeshPlan plan = Plans.plan(Plans.ladder(window), Plans.device(4e14, 50e9), ranks);
    assertThat(plan.exchange().wanted() * 2 * 2560 * 2 / MB)
        .isCloseTo(megabytes, within(0.003 * megabytes));
    assertThat(1 - plan.exchange().rows() / plan.exchange().wanted()).isBetween(0.23, 0.5);
    assertThat(plan.time().balance()).isBetween(1.0, 1.02);
  }

  /// L >= b F R / (2 B P), with R counted by branch: a row that is sent once asks for less.
  @ParameterizedTest
  @CsvSource({
    "32768, 8, 50e9, 0.125e9, 2844, true",
    "32768, 8, 50e9, 0.025e9, 14222, false",
    "1048576, 64, 4e14, 50e9, 42800, false",
    "1073741824, 1024, 4e14, 50e9, 72075, true"
  })
  void localBranchesHideTheExchangeFromABoundOn(
      long window, int ranks, double flops, double bandwidth, double tokens, boolean hidden)
      throws IOException {
    RunConfig config =
        window == 32_768 ? Plans.paper("runtime.precision=fp32") : Plans.ladder(window);
    MeshPlan plan = Plans.plan(config, Plans.device(flops, bandwidth), ranks);
    MeshPlan.Exchange exchange = plan.exchange();
    double byBranch = exchange.tokensToHide() * exchange.wanted() / exchange.rows();
    assertThat(byBranch).isCloseTo(tokens, within(0.005 * tokens));
    assertThat(exchange.isHidden(plan.tokens())).isEqualTo(hidden);
  }

  @Test
  void oneRankTakesItsOperationsAtItsRates() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    MeshPlan plan = Plans.plan(config, Plans.device(50e9, 1), 1);
    double seconds = new ModelCost(config.model()).trainingFlops(32_768) / 50e9;
    assertThat(plan.time().seconds()).isCloseTo(seconds, within(1e-9 * seconds));
    assertThat(plan.time().efficiency()).isCloseTo(1, within(1e-12));
    assertThat(plan.time().balance()).isCloseTo(1, within(1e-12));
    assertThat(plan.time().exposed()).isZero();
    assertThat(plan.exchange().tokensToHide()).isZero();
    assertThat(plan.exchange().gradientBytes()).isZero();
  }

  /// Without branches that end within a part nothing hides the exchange for sure.
  @Test
  void denseAttentionHasNoLocalBranches() throws IOException {
    RunConfig config = Plans.paper("model.attention.type=dense");
    MeshPlan plan = Plans.plan(config, Plans.device(50e9, 125e6), 8);
    assertThat(plan.exchange().rows()).isEqualTo(32_768 - 4096);
    assertThat(plan.exchange().tokensToHide()).isInfinite();
    assertThat(plan.time().balance()).isBetween(1.3, 1.875);
  }

  /// A step of the 125M model on 8 ranks: 12 layers of 33.5 MB forward and 100.7 MB backward, each
  /// row for every branch; 1.3 GB of parameters and gradients.
  @Test
  void aStepsBytes() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    MeshPlan.Exchange exchange = Plans.plan(config, Plans.device(50e9, 125e6), 8).exchange();
    double byBranch = exchange.attentionBytes() * exchange.wanted() / exchange.rows();
    assertThat(byBranch).isCloseTo(12 * (33.55 + 67.1) * MB, within(2 * MB));
    assertThat(exchange.backwardBytes()).isEqualTo(2 * exchange.forwardBytes());
    double parameters = new ModelCost(config.model()).parameters();
    assertThat(exchange.gradientBytes()).isEqualTo(8 * parameters * 7 / 8);
  }

  @Test
  void aSlowNetworkIsWaitedForAndAFastOneIsNot() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    MeshPlan fast = Plans.plan(config, Plans.device(50e9, 1e12), 8);
    MeshPlan slow = Plans.plan(config, Plans.device(50e9, 3e6), 8);
    assertThat(fast.time().exposed()).isLessThan(1e-3 * fast.time().seconds());
    double bytes = slow.exchange().attentionBytes();
    assertThat(slow.time().exposed() + slow.time().hidden())
        .isCloseTo(bytes / 3e6, within(1e-6 * bytes / 3e6));
    assertThat(slow.time().hidden()).isPositive();
    assertThat(slow.time().exposed()).isPositive();
    assertThat(slow.time().seconds())
        .isCloseTo(
            slow.time().products()
                + slow.time().attention()
                + slow.time().exposed()
                + slow.time().gradients(),
            within(1e-9 * slow.time().seconds()));
  }

  /// Ranks of one machine exchange over its own link.
  @Test
  void nearRanksDoNotUseTheNetwork() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    Device one = Plans.device(50e9, 1e12).withBandwidth(1e3);
    double apart = Plans.plan(config, one, 4).time().seconds();
    double together = Plans.plan(config, one.withRanksPerNode(4), 4).time().seconds();
    double pairs = Plans.plan(config, one.withRanksPerNode(2), 4).time().seconds();
    assertThat(together).isLessThan(pairs / 100);
    assertThat(pairs).isLessThan(apart);
  }

  @Test
  void groupsShareOutWindowsAndRanksMoments() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    List<RankMesh> meshes = Planner.meshes(12, 4);
    assertThat(meshes.stream().map(RankMesh::sequenceRanks)).containsExactly(1, 3, 4, 12);
    MeshPlan none =
        new Planner(config, Plans.device(50e9, 1e9), new Reliability(1)).plan(meshes.getFirst());
    assertThat(none.faults())
        .containsExactly("more groups than windows: 12 groups share out the 1 windows of a step");
    MeshPlan all =
        new Planner(config, Plans.device(50e9, 1e9), new Reliability(1)).plan(meshes.getLast());
    assertThat(all.possible()).isTrue();
    long parameters = all.memory().parameters();
    assertThat(all.memory().optimizerBytes()).isEqualTo(Math.ceilDiv(8 * parameters, 12));
    assertThat(all.memory().weightBytes()).isEqualTo(4 * parameters);
    Forecast one = Forecast.of(config.model(), config.training(), config.runtime());
    assertThat(all.memory().activationBytes()).isLessThan(one.activationBytes() / 8);
    assertThat(all.memory().rowBytes()).isPositive();
    assertThat(one.rowBytes()).isZero();
  }

  @Test
  void saysWhyMemoryDoesNotFitAndWhatWould() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    Device small =
        new Device(
            "small",
            Plans.device(1, 1).rates(),
            12e9,
            new Link(0, 1),
            new Link(0, 1),
            1,
            1,
            1,
            "test");
    assertThat(Plans.plan(config, small, 1).faults().getFirst())
        .matches(
            "memory does not fit: a rank needs 16.3 GiB and has 11.2 GiB; "
                + "runtime.activation_checkpointing=true takes [0-9.]+ GiB");
    assertThat(Plans.plan(config, small, 64).possible()).isTrue();
  }

  @Test
  void doubtMakesAnInterval() throws IOException {
    RunConfig config = Plans.paper("runtime.precision=fp32");
    Device sure = Plans.device(50e9, 125e6);
    Device unsure =
        new Device("test", sure.rates(), 1e15, sure.near(), sure.far(), 1, 1e9, 2, "test");
    MeshPlan.Step time = Plans.plan(config, unsure, 4).time();
    assertThat(time.slowest()).isCloseTo(2 * time.seconds(), within(1e-6 * time.seconds()));
    assertThat(time.fastest()).isCloseTo(time.seconds() / 2, within(1e-6 * time.seconds()));
  }
}
