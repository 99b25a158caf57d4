// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.TrainingPhase;
import dev.longnet.experiments.results.ResultTable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReadingOnTest {
  @TempDir Path folder;

  private Setting setting(Scale scale) {
    return new Setting(scale, 1, false, folder.resolve("out"));
  }

  @ParameterizedTest
  @EnumSource(Scale.class)
  void rowsDifferInAttentionAndWindowsAlone(Scale scale) throws Exception {
    List<Job> jobs = new ReadingOn().jobs(setting(scale));
    assertThat(jobs).extracting(job -> job.id().row()).containsExactly("ours", "near", "dense");
    RunConfig ours = setting(scale).config(jobs.getFirst().model().orElseThrow());
    for (Job job : jobs) {
      RunConfig config = setting(scale).config(job.model().orElseThrow());
      assertThat(LanguageModels.tokens(config)).isEqualTo(LanguageModels.tokens(ours));
      assertThat(config.training().phases())
          .extracting(TrainingPhase::until, TrainingPhase::batchTokens)
          .isEqualTo(
              ours.training().phases().stream()
                  .map(p -> tuple(p.until(), p.batchTokens()))
                  .toList());
      assertThat(config.model().withMixers(ours.model().mixers())).isEqualTo(ours.model());
      assertThat(config.optimizer()).isEqualTo(ours.optimizer());
      assertThat(config.corpus()).isEqualTo(ours.corpus());
    }
    assertThat(setting(scale).config(jobs.get(2).model().orElseThrow()).model().mixer(0))
        .isInstanceOf(AttentionConfig.Dense.class);
  }

  /// Texts of whole pieces; ours needs 2 bits a byte in the first piece and less in each octave.
  private static ObjectNode figures(double... bitsByOctave) {
    ObjectNode figures = Samples.JSON.createObjectNode();
    ArrayNode texts = figures.putArray("texts");
    for (int t = 0; t < 3; t++) {
      ObjectNode text = texts.addObject();
      ArrayNode nats = text.putArray("nats");
      ArrayNode bytes = text.putArray("bytes");
      for (int piece = 0; piece < 256; piece++) {
        int octave = piece == 0 ? 0 : 32 - Integer.numberOfLeadingZeros(piece);
        nats.add(1000 * Math.log(2) * (bitsByOctave[octave] + 0.01 * (t - 1)));
        bytes.add(1000);
      }
    }
    return figures;
  }

  @Test
  void lossesAreTakenByTheTokensReadBefore() throws Exception {
    Setting setting = setting(Scale.MACHINE);
    EvidenceSet evidence = EvidenceSet.read(folder.resolve("evidence"));
    double[] falling = {2, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2};
    double[] level = new double[9];
    Arrays.fill(level, 2);
    evidence.add(Samples.evidence(setting.id("reading", "ours", 1), figures(falling)));
    evidence.add(Samples.evidence(setting.id("reading", "near", 1), figures(level)));
    Findings findings = new ReadingOn().findings(setting, evidence);
    ResultTable table = findings.tables().getFirst();
    assertThat(table.content().numbers("read before, from"))
        .containsExactly(0, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072);
    assertThat(table.content().numbers("to")).endsWith(131072, 262144);
    assertThat(table.content().numbers("ours")).containsExactly(falling, within(1e-9));
    assertThat(table.content().column("dense")).containsOnly("");
    assertThat(table.content().numbers("ours less near")[8]).isCloseTo(-0.8, within(1e-9));
    assertThat(table.content().numbers("to (near)")[8]).isLessThan(-0.79);
    assertThat(table.content().column("ours less dense")).containsOnly("");
    assertThat(table.content().notes().getLast()).contains("dense (1)");
    assertThat(findings.plots()).hasSize(1);
    assertThat(findings.plots().getFirst().chart().svg()).contains("near branch alone");
  }

  @Test
  void nothingIsShownOfNothing() throws Exception {
    Findings findings =
        new ReadingOn().findings(setting(Scale.MACHINE), EvidenceSet.read(folder.resolve("none")));
    assertThat(findings.plots()).isEmpty();
    assertThat(findings.tables().getFirst().content().column("ours")).containsOnly("");
  }
}
