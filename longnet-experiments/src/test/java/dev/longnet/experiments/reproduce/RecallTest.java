// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.RunConfig;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The questions, asked of models that nobody trained, and what is made of their answers.
class RecallTest {
  @TempDir Path folder;

  private Setting setting(Scale scale) {
    return new Setting(scale, 2, false, folder.resolve("out"));
  }

  /// Remembers whatever stands at most so many tokens back; else it says a value that is none.
  private record Rememberer(int window) implements ExpectingModel {
    @Override
    public long[] expected(long[] ids, int batch, int tokens) {
      long[] expected = new long[ids.length];
      for (int i = 1; i < ids.length; i++) {
        int first = i / tokens * tokens;
        for (int j = i - 1; j >= Math.max(first + 1, i - window) && expected[i] == 0; j--) {
          expected[i] = ids[j] == ids[i] && ids[j - 1] == ids[i - 1] ? ids[j + 1] : 0;
        }
      }
      return expected;
    }
  }

  private Evidence evidence(Scale scale, Attention attention, long seed, int window) {
    ObjectNode figures = Samples.JSON.createObjectNode();
    Recall.ask(scale, new Rememberer(window), figures);
    String row = attention.name().toLowerCase(Locale.ROOT);
    return Samples.evidence(setting(scale).id("recall", row, seed), figures);
  }

  @Test
  void answersAreCountedByDistance() throws IOException {
    Setting setting = setting(Scale.QUICK);
    EvidenceSet evidence = EvidenceSet.read(folder.resolve("evidence"));
    evidence.add(evidence(Scale.QUICK, Attention.OURS, 1, 1 << 20));
    evidence.add(evidence(Scale.QUICK, Attention.NEAR, 1, 63));
    Findings findings = new Recall().findings(setting, evidence);
    ResultTable pairs = findings.tables().getFirst();
    assertThat(pairs.content().column("row"))
        .containsExactly("ours", "near", "paper", "sparse", "dense");
    assertThat(shares(pairs, 0)).containsExactly(100, 100, 100);
    assertThat(shares(pairs, 1)).containsExactly(100, 0, 0);
    assertThat(pairs.content().column("32 to 63").get(2)).isEmpty();
    ResultTable claims = findings.tables().get(2);
    assertThat(claims.content().column("verdict")).containsOnly("reached");
    assertThat(claims.content().numbers("measured")).containsExactly(100, 0, 100);

    ResultTable needles = findings.tables().get(1);
    assertThat(needles.content().column("row")).hasSize(25);
    // 1,024 tokens: only the last eighth of the depths lies within 63.
    List<String> longest = needles.content().rows().get(9);
    assertThat(longest.subList(0, 2)).containsExactly("near", "1024");
    assertThat(longest.subList(2, 10)).allMatch(cell -> Double.parseDouble(cell) == 0);
    assertThat(Double.parseDouble(longest.get(10))).isEqualTo(100);
    assertThat(findings.plots())
        .extracting(Findings.Plot::name)
        .containsExactly("recall", "recall-needle");
    assertThat(pairs.content().notes().getLast())
        .isEqualTo("Not run yet, by row and seed: paper (1); sparse (1); dense (1).");
  }

  private static double[] shares(ResultTable table, int row) {
    return List.of("32 to 63", "64 to 127", "128 to 255").stream()
        .mapToDouble(column -> table.content().numbers(column)[row])
        .toArray();
  }

  @Test
  void aWorstOctaveOrCellDecides() throws IOException {
    Setting setting = setting(Scale.QUICK);
    EvidenceSet evidence = EvidenceSet.read(folder.resolve("evidence"));
    // Ours forgets what near remembers.
    evidence.add(evidence(Scale.QUICK, Attention.OURS, 1, 100));
    evidence.add(evidence(Scale.QUICK, Attention.NEAR, 1, 200));
    ResultTable claims = new Recall().findings(setting, evidence).tables().get(2);
    assertThat(claims.content().column("verdict")).containsOnly("not reached");
    assertThat(claims.content().numbers("measured")[0]).isZero();
    assertThat(claims.content().numbers("measured")[1]).isGreaterThan(50);
  }

  @Test
  void seedsCountTogether() throws IOException {
    Setting setting = setting(Scale.MACHINE);
    EvidenceSet evidence = EvidenceSet.read(folder.resolve("evidence"));
    for (long seed = 1; seed <= 2; seed++) {
      ObjectNode figures = Samples.JSON.createObjectNode();
      ObjectNode mqar = figures.putObject("mqar");
      for (int octave = 0; octave < 6; octave++) {
        mqar.withArray("asked").add(100);
        mqar.withArray("right").add(seed == 1 ? 100 : 91);
      }
      evidence.add(Samples.evidence(setting.id("recall", "ours", seed), figures));
    }
    Findings findings = new Recall().findings(setting, evidence);
    assertThat(findings.tables().getFirst().content().numbers("1,024 to 2,047")[0])
        .isCloseTo(95.5, within(1e-9));
    assertThat(findings.tables().get(2).content().column("verdict"))
        .containsExactly("reached", "not measured", "not reached");
    assertThat(findings.tables().getFirst().content().column("seeds").getFirst()).isEqualTo("2");
  }

  @ParameterizedTest
  @EnumSource(Scale.class)
  void rowsDifferInTheirAttentionAlone(Scale scale) throws IOException {
    Setting setting = setting(scale);
    List<Job> jobs = new Recall().jobs(setting);
    assertThat(jobs).hasSize(scale == Scale.QUICK ? 5 : 10);
    Set<String> patterns = new HashSet<>();
    List<RunConfig> configs = new ArrayList<>();
    for (Job job : jobs.stream().filter(job -> job.id().seed() == 1).toList()) {
      assertThat(job.flops()).isPositive();
      configs.add(setting.config(job.model().orElseThrow()));
    }
    RunConfig first = configs.getFirst();
    for (RunConfig config : configs) {
      patterns.add(config.model().mixers().toString());
      assertThat(config.model().withMixers(first.model().mixers())).isEqualTo(first.model());
      assertThat(config.training()).isEqualTo(first.training());
      assertThat(config.optimizer()).isEqualTo(first.optimizer());
      assertThat(config.corpus()).isEqualTo(first.corpus());
      assertThat(config.corpus().sources()).allMatch(s -> s.path().startsWith("recall:"));
    }
    assertThat(patterns).hasSize(5);
  }
}
