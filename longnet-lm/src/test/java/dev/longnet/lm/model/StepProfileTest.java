// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.lm.model.StepProfile.BranchTime;
import dev.longnet.lm.model.StepProfile.Part;
import dev.longnet.lm.model.StepProfile.Report;
import dev.longnet.lm.model.StepProfile.Time;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class StepProfileTest {
  private final StepProfile profile = new StepProfile();

  @Test
  void whatNoPartTookIsEverythingElse() {
    profile.add(Part.NORMS, 100, 7);
    profile.add(Part.NORMS, 200, 8);
    profile.add(Part.ATTENTION, 1000, 0);
    profile.branch(1, true, 40);
    profile.branch(0, false, 300);
    profile.branch(1, true, 2);
    Report report = profile.report(2, 2, 4_000_000);
    assertThat(report.time(Part.NORMS)).isEqualTo(new Time(300, 15));
    assertThat(report.time(Part.LOSS)).isEqualTo(new Time(0, 0));
    assertThat(report.branches())
        .containsExactly(new BranchTime(0, 300, 0), new BranchTime(1, 0, 42));
    assertThat(report.betweenBranches()).isEqualTo(1000 - 342);
    assertThat(report.otherNanos()).isEqualTo(8_000_000 - 1300);
    assertThat(report.milliseconds(report.allNanos())).isEqualTo(2);
    assertThat(report.share(2_000_000)).isEqualTo(0.25);
  }

  @Test
  void threadsAddAtOnce() {
    IntStream.range(0, 10_000)
        .parallel()
        .forEach(i -> {
          profile.add(Part.CASTS, 1, 2);
          profile.branch(i % 3, false, 1);
        });
    Report report = profile.report(1, 1, 1);
    assertThat(report.time(Part.CASTS)).isEqualTo(new Time(10_000, 20_000));
    assertThat(report.branches().stream().mapToLong(BranchTime::nanos).sum()).isEqualTo(10_000);
  }

  @Test
  void forgetsWhatWarmedUp() {
    profile.add(Part.LOSS, 5, 5);
    profile.branch(0, false, 5);
    profile.reset();
    profile.add(Part.LOSS, 1, 1);
    Report report = profile.report(1, 1, 10);
    assertThat(report.time(Part.LOSS)).isEqualTo(new Time(1, 1));
    assertThat(report.branches()).isEmpty();
  }

  @Test
  void withoutAProfileNothingIsTimed() {
    assertThat(StepProfile.begin(null)).isZero();
    StepProfile.end(null, Part.NORMS, 0, 1);
    long began = StepProfile.begin(profile);
    StepProfile.end(profile, Part.NORMS, began, 3);
    Time time = profile.report(1, 1, 10).time(Part.NORMS);
    assertThat(time.nanos()).isNotNegative().isLessThan(System.nanoTime() - began + 1);
    assertThat(time.bytes()).isEqualTo(3);
    assertThatThrownBy(() -> profile.report(0, 1, 10)).hasMessageContaining("steps=0");
  }
}
