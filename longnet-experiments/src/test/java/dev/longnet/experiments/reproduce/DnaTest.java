// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.SequenceRule;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DnaTest {
  @TempDir Path folder;

  private Setting setting(Path... corpus) {
    return new Setting(Scale.MACHINE, 3, false, folder.resolve("out"), List.of(corpus));
  }

  @Test
  void theUserBringsTheText() throws IOException {
    assertThat(new Dna().lacks(setting()).orElseThrow().toString())
        .startsWith("dna needs corpus: aligned genomes as FASTA");
    Path own = folder.resolve("it's mine.fa");
    Setting setting = setting(own, Path.of("other.fa"));
    assertThat(new Dna().lacks(setting)).isEmpty();
    List<Job> jobs = new Dna().jobs(setting);
    assertThat(jobs)
        .extracting(job -> job.id().row())
        .startsWith("dense-512", "ours-32k", "paper-32k")
        .hasSize(9);
    RunConfig config = setting.config(jobs.getFirst().model().orElseThrow());
    assertThat(config.corpus().sources())
        .extracting(source -> source.path())
        .containsExactly(own.toString(), Path.of("other.fa").toAbsolutePath().toString());
    assertThat(config.corpus().sources().getFirst().sequences())
        .isNotEqualTo(SequenceRule.AS_WRITTEN);
    double tokens = LanguageModels.tokens(config);
    for (Job job : jobs) {
      RunConfig other = setting.config(job.model().orElseThrow());
      assertThat(LanguageModels.tokens(other)).isEqualTo(tokens);
      assertThat(other.model().withMixers(config.model().mixers())).isEqualTo(config.model());
    }
    // Evidence is the same wherever the file lay.
    assertThat(
            Evidence.portable(config).path("corpus").path("sources").path(0).path("path").asText())
        .isEqualTo("it's mine.fa");
  }

  @Test
  void beyondItsLengthADenseModelLooksAtBlocks() throws IOException {
    EvidenceSet evidence = EvidenceSet.read(folder.resolve("evidence"));
    List<Integer> lengths = List.of(512, 2048, 8192, 32768);
    evidence.add(
        Samples.evidence(
            setting().id("dna", "ours-32k", 1), Samples.heldOut(lengths, 1.9, 1.6, 1.5, 1.4)));
    Findings findings = new Dna().findings(setting(), evidence);
    ResultTable table = findings.tables().getFirst();
    assertThat(table.content().numbers("at 32,768")[1]).isCloseTo(1.4, within(1e-9));
    assertThat(table.content().column("at 512")).startsWith("").hasSize(3);
    assertThat(findings.plots()).hasSize(1);
  }
}
