// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvidenceTest {
  private static final RunId ID = new RunId("table2", "ours-8k", Scale.MACHINE, 1, false);

  @TempDir Path folder;

  @Test
  void aRunIsNamedByAllThatTellsItApart() {
    assertThat(ID.name()).isEqualTo("table2-machine-ours-8k-seed1");
    assertThat(new RunId("table2", "ours-8k", Scale.MACHINE, 2, true).name())
        .isEqualTo("table2-machine-pilot-ours-8k-seed2");
    assertThatThrownBy(() -> new RunId("table2", "Ours 8k", Scale.MACHINE, 1, false))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    EvidenceSet set = EvidenceSet.read(folder.resolve("none-yet"));
    Evidence evidence =
        new Evidence(
            ID,
            Samples.MEASURED,
            0.98,
            (ObjectNode) Samples.JSON.readTree("{\"training\": {\"steps\": 10}}"),
            Samples.heldOut(List.of(512), 1.5));
    set.add(evidence);
    EvidenceSet again = EvidenceSet.read(folder.resolve("none-yet"));
    Evidence read = again.find(ID).orElseThrow();
    assertThat(read.id()).isEqualTo(ID);
    assertThat(read.measured()).isEqualTo(Samples.MEASURED);
    assertThat(read.hours()).isEqualTo(0.98);
    assertThat(read.recipe()).isEqualTo(evidence.recipe());
    assertThat(read.figures().toString()).isEqualTo(evidence.figures().toString());
    assertThat(again.find(new RunId("table2", "ours-8k", Scale.MACHINE, 2, false))).isEmpty();
  }

  @Test
  void aDamagedFileIsNamed() throws IOException {
    Path file = folder.resolve(ID.name() + ".json");
    for (String text : List.of("{", "[]", "{\"schema\": 1}")) {
      Files.writeString(file, text);
      assertThatThrownBy(() -> EvidenceSet.read(folder))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(file.toString());
    }
    Files.write(file, new byte[] {'{', '"', (byte) 0xe9, '"'});
    assertThatThrownBy(() -> EvidenceSet.read(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not a text in UTF-8: " + file);
    Files.delete(file);
    Samples.evidence(ID, Samples.heldOut(List.of(512), 1)).write(folder.resolve("other.json"));
    assertThatThrownBy(() -> EvidenceSet.read(folder))
        .hasMessageContaining("evidence of table2-machine-ours-8k-seed1 must be called that");
  }

  @Test
  void recipesDifferInWhatBothOfThemHave() throws IOException {
    ObjectNode now =
        (ObjectNode)
            Samples.JSON.readTree(
                "{\"name\": \"b\", \"model\": {\"layers\": 4, \"newer\": 1}, \"runtime\": {\"threads\": 2}}");
    assertThat(Evidence.difference(recipe("{\"model\": {\"layers\": 4, \"older\": 2}}"), now))
        .isEmpty();
    assertThat(Evidence.difference(recipe("{\"name\": \"a\", \"runtime\": {\"threads\": 8}}"), now))
        .isEmpty();
    assertThat(Evidence.difference(recipe("{\"model\": {\"layers\": 3}}"), now))
        .hasValue("model.layers=3, now 4");
  }

  private static ObjectNode recipe(String json) throws IOException {
    return (ObjectNode) Samples.JSON.readTree(json);
  }
}
