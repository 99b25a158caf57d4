// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Figures from sample evidence.
class FiguresTest {
  @TempDir Path folder;
  private Setting setting;
  private EvidenceSet evidence;

  @BeforeEach
  void empty() throws IOException {
    setting = new Setting(Scale.MACHINE, 3, false, folder.resolve("out"));
    evidence = EvidenceSet.read(folder.resolve("evidence"));
  }

  @Test
  void aPowerLawIsFoundAgainAndPredictsTheLargest() throws IOException {
    double[] sizes = {1e5, 2e5, 4e5};
    double[] losses = {3 * Math.pow(1e5, -0.1), 3 * Math.pow(2e5, -0.1), 3 * Math.pow(4e5, -0.1)};
    Figure7a.PowerLaw law = Figure7a.PowerLaw.fit(sizes, losses);
    assertThat(law.exponent()).isCloseTo(-0.1, within(1e-9));
    assertThat(law.factor()).isCloseTo(3, within(1e-6));

    double[] bits = {1.8, 1.7, 1.62, 1.55, 1.5};
    int i = 0;
    for (Job job : new Figure7a().jobs(setting)) {
      evidence.add(
          Samples.evidence(job.id(), Samples.heldOut(Scale.MACHINE.lengths(), 9, bits[i++], 9)));
    }
    Findings findings = new Figure7a().findings(setting, evidence);
    ResultTable table = findings.tables().getFirst();
    assertThat(table.content().column("model"))
        .containsExactly("c64", "c96", "c128", "c160", "c192");
    assertThat(table.content().numbers("loss")).containsExactly(bits);
    assertThat(table.content().column("used").getLast()).isEqualTo("predicted");
    assertThat(table.content().numbers("power law")[4]).isBetween(1.4, 1.6);
    assertThat(findings.paper()).hasSize(1);
  }

  @Test
  void theLossByOperationsTakesTable2sRunsAndItsOwn() throws IOException {
    List<Job> jobs = new Figure6().jobs(setting);
    assertThat(jobs.stream().map(job -> job.id().name()).distinct())
        .containsExactly(
            "figure6-machine-ours-512-seed1",
            "table2-machine-ours-2k-seed1",
            "table2-machine-ours-8k-seed1",
            "table2-machine-dense-512-seed1",
            "table2-machine-paper-2k-seed1",
            "table2-machine-paper-8k-seed1",
            "table2-machine-dense-2k-seed1",
            "figure6-machine-dense-8k-seed1");
    RunId dense = setting.id("table2", "dense-512", 1);
    evidence.add(Samples.evidence(dense, Samples.heldOut(Scale.MACHINE.lengths(), 1.7, 2)));
    ResultTable table = new Figure6().findings(setting, evidence).tables().getFirst();
    assertThat(table.content().rows()).hasSize(9);
    assertThat(table.content().numbers("loss")[0]).isEqualTo(1.7);
    assertThat(table.content().numbers("loss")[3]).as("the paper's at 512").isEqualTo(1.7);
    assertThat(table.content().column("loss").get(1)).isEmpty();
    assertThat(table.content().numbers("training"))
        .as("dense attention costs more the longer, though few windows are long")
        .satisfies(flops -> assertThat(flops[2]).isGreaterThan(1.04 * flops[0]))
        .satisfies(flops -> assertThat(flops[8]).isLessThan(flops[2]));
  }

  @Test
  void aSuffixIsMeasuredBehindItsOwnAndAStrangersPrompt() throws IOException {
    List<Job> jobs = new Figure7b().jobs(setting);
    assertThat(jobs).hasSize(9);
    assertThat(jobs.getFirst().model().orElseThrow().id().experiment()).isEqualTo("table2");
    ObjectNode figures = Samples.JSON.createObjectNode();
    figures.put("suffix", 512);
    figures.put("suffixes", 2);
    list(figures.putArray("group_bytes"), 1000, 1000);
    ArrayNode prompts = figures.putArray("prompts");
    int[] lengths = {0, 512, 1536, 3584, 7680};
    for (int i = 0; i < lengths.length; i++) {
      ObjectNode row = prompts.addObject();
      row.put("tokens", lengths[i]);
      list(row.putArray("own_nats"), 1000 - 20 * i, 1000 - 20 * i);
      list(row.putArray("other_nats"), 1000 - 5 * i, 1000 - 5 * i);
    }
    evidence.add(Samples.evidence(setting.id("figure7b", "ours-8k", 1), figures));
    Findings findings = new Figure7b().findings(setting, evidence);
    ResultTable table = findings.tables().getFirst();
    assertThat(table.content().rows()).hasSize(15);
    double bits = 20 / (1000 * Math.log(2));
    double[] gains = table.content().numbers("gain since the prompt above");
    assertThat(gains[14]).isCloseTo(bits, within(1e-9));
    assertThat(table.content().numbers("own prompt's lead")[14]).isCloseTo(3 * bits, within(1e-9));
    assertThat(table.content().column("suffix").getFirst()).as("sparse-8k").isEmpty();
    assertThat(findings.paper().getFirst().ours())
        .startsWith("Bits a byte of a suffix of 512 tokens behind prompts of 0, 512, 1,536, 3,584");
  }

  private static void list(ArrayNode list, double... values) {
    for (double value : values) {
      list.add(value);
    }
  }

  @Test
  void timeATokenIsThatOfAllSequences() throws IOException {
    for (Job job : new Figure5().jobs(setting)) {
      String[] words = job.id().row().split("-");
      long length = Long.parseLong(words[1]);
      ObjectNode figures = Samples.JSON.createObjectNode();
      figures.put("length", length);
      figures.put("sequences", (1 << 22) / length);
      // A nanosecond a token; dense attention's grows with the length.
      figures.put("seconds", (words[0].equals("dense") ? length : 1) * 1e-9 * (1 << 22));
      evidence.add(Samples.evidence(job.id(), figures));
    }
    Findings findings = new Figure5().findings(setting, evidence);
    ResultTable table = findings.tables().getFirst();
    assertThat(table.content().column("N"))
        .containsExactly("8192", "32768", "131072", "262144", "524288", "1048576", "4194304");
    assertThat(table.content().numbers("dilated")[6]).isCloseTo(1, within(1e-9));
    assertThat(table.content().numbers("dense")[1]).isCloseTo(32768, within(1e-6));
    assertThat(table.content().notes().get(1))
        .isEqualTo("The time a token grows as N^0.000, of dense attention as N^1.000.");
    assertThat(findings.plots()).hasSize(1);
  }
}
