// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.ResultTable.Content;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExperimentTest {
  @TempDir Path folder;

  @Test
  void theTableIsReturnedAndWritten() throws IOException {
    Path json = folder.resolve("new/table.json");
    Experiment experiment = new Experiment("a", "It works.", List.of(3L), _ -> content("whole"));
    ResultTable table = experiment.run(Measured.here("longnet x", List.of(3L)), Optional.of(json));
    assertThat(TableJson.read(json)).isEqualTo(table);
    assertThat(table.name() + table.claim()).isEqualTo("aIt works.");
    assertThat(table.measured().command()).isEqualTo("longnet x");
    assertThat(table.measured().machine().cpu()).isNotBlank();
    assertThat(table.measured().machine().cores()).isPresent();
    assertThat(experiment.run(table.measured(), Optional.empty())).isEqualTo(table);
  }

  /// Hours of measurements are not lost with the last one.
  @Test
  void whatWasMeasuredBeforeAFailureStays() throws IOException {
    Path json = folder.resolve("table.json");
    Experiment experiment =
        new Experiment(
            "a",
            "It works.",
            List.of(),
            soFar -> {
              soFar.accept(content("first"));
              throw new IllegalStateException("out of memory");
            });
    assertThatThrownBy(() -> experiment.run(Tables.SOMEWHERE, Optional.of(json)))
        .hasMessage("out of memory");
    assertThat(TableJson.read(json).content().column("what")).containsExactly("first");
  }

  @Test
  void withoutAClaimThereIsNoExperiment() {
    assertThatThrownBy(() -> new Experiment("a", " ", List.of(), _ -> content("x")))
        .hasMessageContaining("claim");
  }

  private static Content content(String cell) {
    return new Content(List.of(Column.text("what")), List.of(List.of(cell)), List.of());
  }
}
