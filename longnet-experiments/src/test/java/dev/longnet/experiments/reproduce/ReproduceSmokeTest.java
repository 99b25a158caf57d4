// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.lm.run.Parts;
import dev.longnet.lm.run.RunListener;
import dev.longnet.lm.run.Training;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Two rows of table 2 and a figure of their models, trained for a few steps.
class ReproduceSmokeTest {
  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    for (int p = 0; p < 40; p++) {
      Path place = Files.createDirectories(folder.resolve("corpus/p" + p));
      for (int f = 0; f < 3; f++) {
        Files.writeString(
            place.resolve("File" + f + ".java"),
            ("class File" + f + " { int value = " + p + "; }\n").repeat(30 + 2 * f));
      }
    }
  }

  /// The real table's rows on another corpus.
  private Job shortened(Job job) {
    ModelRecipe model = job.model().orElseThrow();
    List<String> overrides = new ArrayList<>(model.overrides());
    overrides.add("corpus.sources=['" + folder.resolve("corpus") + "']");
    overrides.add("corpus.include=[]");
    overrides.add("training.steps=3");
    overrides.add("schedule.warmup_steps=1");
    overrides.add("evaluation.tokens=4096");
    overrides.add("evaluation.copy_probe=0");
    return new Job(
        job.id(), Optional.of(new ModelRecipe(model.id(), model.base(), overrides)), job.flops());
  }

  private final class Shortened implements Reproduction {
    private final Reproduction real;
    private final List<String> rows;

    Shortened(Reproduction real, String... rows) {
      this.real = real;
      this.rows = List.of(rows);
    }

    @Override
    public String name() {
      return real.name();
    }

    @Override
    public String about() {
      return real.about();
    }

    @Override
    public List<Job> jobs(Setting setting) throws IOException {
      return real.jobs(setting).stream()
          .filter(job -> rows.contains(job.id().row()))
          .map(ReproduceSmokeTest.this::shortened)
          .toList();
    }

    @Override
    public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
        throws IOException {
      real.measure(setting, job, model, figures);
    }

    @Override
    public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
      return real.findings(setting, evidence);
    }
  }

  @Test
  void rowsAreTrainedMeasuredAndTabled() throws IOException {
    Setting setting = new Setting(Scale.QUICK, 1, false, folder.resolve("out"));
    EvidenceSet evidence = EvidenceSet.read(folder.resolve("evidence"));
    Models models =
        Models.onDisk((config, start) ->
            Training.run(config, start, Parts.of(config, new RunListener() {}, "a test")));
    Shortened table = new Shortened(new Table2(), "dense-64", "ours-1k");
    Shortened figure = new Shortened(new Figure7b(), "ours-1k");
    Reproduce reproduce = new Reproduce(setting, List.of(table, figure), evidence, models);
    Plan plan = reproduce.plan(1e11);
    assertThat(plan.jobs()).hasSize(3);
    assertThat(
            reproduce.run(
                plan, new Reproduce.Told("test", _ -> {}, TokenizationListener.NONE), () -> {}))
        .isTrue();

    Evidence dense =
        evidence.find(setting.id("table2", new Row(Attention.DENSE, 64).name(), 1)).orElseThrow();
    double[] bytes = HeldOutLosses.bytes(dense);
    assertThat(bytes.length).isGreaterThan(1);
    for (int length : Scale.QUICK.lengths()) {
      double[] nats = HeldOutLosses.nats(dense, length, false).orElseThrow();
      double bits = Arrays.stream(nats).sum() / Math.log(2) / Arrays.stream(bytes).sum();
      assertThat(bits)
          .isCloseTo(HeldOutLosses.bitsPerByte(dense, length, false).orElseThrow(), within(1e-5));
      assertThat(bits).isBetween(2.0, 10.0);
      assertThat(HeldOutLosses.bitsPerByte(dense, length, true).isPresent()).isEqualTo(length > 64);
    }
    assertThat(dense.figures().path("training_tokens").asLong()).isEqualTo(2 * 256 + 1024);
    assertThat(dense.figures().path("documents").path("gzip_bits_per_byte").asDouble())
        .isPositive();

    ObjectNode suffixes =
        evidence.find(setting.id("figure7b", "ours-1k", 1)).orElseThrow().figures();
    assertThat(suffixes.path("prompts").size()).isEqualTo(5);
    assertThat(suffixes.path("suffixes").asInt()).isPositive();
    double[] own = HeldOutLosses.numbers(suffixes.path("prompts").path(0).path("own_nats"));
    double perByte =
        Arrays.stream(own).sum()
            / Arrays.stream(HeldOutLosses.numbers(suffixes.path("group_bytes"))).sum();
    assertThat(perByte / Math.log(2)).isBetween(2.0, 10.0);

    assertThat(table.findings(setting, evidence).tables().getFirst().content().column("seeds"))
        .containsExactly("1", "0", "0", "0", "0", "0", "0", "1");
    assertThat(figure.findings(setting, evidence).plots()).hasSize(1);
  }
}
