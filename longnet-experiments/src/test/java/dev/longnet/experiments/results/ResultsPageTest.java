// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResultsPageTest {
  private static final String PAGE =
      """
      # Results
      <!-- table:one -->
      old, by hand
      <!-- /table -->
      text | between <!-- table:none -->

        <!-- table:two -->
        <!-- /table -->
      the end, without a line break\
      """;

  @TempDir Path folder;
  private Path page;

  @BeforeEach
  void write() throws IOException {
    page = Files.writeString(folder.resolve("RESULTS.md"), PAGE);
    TableJson.write(folder.resolve("json/one.json"), Tables.TABLE);
    TableJson.write(folder.resolve("json/two.json"), Tables.TABLE);
    Files.writeString(folder.resolve("json/diary.md"), "not a table");
  }

  @Test
  void tablesAreReplacedAndNothingElse() throws IOException {
    ResultsPage old = read();
    assertThat(old.isCurrent()).isFalse();
    assertThat(page).as("reading writes nothing").hasContent(PAGE);
    old.write();
    String table = Markdown.of(Tables.TABLE);
    assertThat(Files.readString(page))
        .isEqualTo(
            PAGE.replace("old, by hand\n", table)
                .replace("table:two -->\n", "table:two -->\n" + table));
    assertThat(read().isCurrent()).as("a second time changes nothing").isTrue();
    Files.writeString(page, Files.readString(page).replace("12,832", "12,833"));
    assertThat(read().isCurrent()).as("a figure changed by hand").isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<!-- table:one --> => <!-- table:three --> => json/three.json is missing, line 2",
        "<!-- table:two --> => <!-- table:one --> => table one stands here again, line 7",
        "old, by hand => <!-- table:two --> => table one has no end, line 3",
        "<!-- table:two -->\n => \n => no table begins before this end, line 8",
        "  <!-- table:two -->\n  <!-- /table -->\n => \n => nowhere a line <!-- table:two --> for",
        "  <!-- /table -->\nthe => the => table two has no end",
      })
  void mistakesNameThePageAndChangeNothing(String mistake) throws IOException {
    String[] parts = mistake.split(" => ");
    assertThat(PAGE).contains(parts[0]);
    Files.writeString(page, PAGE.replace(parts[0], parts[1]));
    assertThatThrownBy(this::read)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(page.toString())
        .hasMessageContaining(parts[2]);
  }

  @Test
  void aDamagedTableOrNoFolderIsAMistake() throws IOException {
    Files.writeString(folder.resolve("json/two.json"), "{");
    assertThatThrownBy(this::read).hasMessageContaining("two.json");
    assertThatThrownBy(() -> ResultsPage.read(page, folder.resolve("none")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not a folder of measurements");
    Files.delete(folder.resolve("json/two.json"));
    Files.delete(page);
    assertThatThrownBy(this::read).isInstanceOf(NoSuchFileException.class);
  }

  private ResultsPage read() throws IOException {
    return ResultsPage.read(page, folder.resolve("json"));
  }

  /// This project's own page.
  @Test
  void resultsStandAsTheirFilesSay() throws IOException {
    ResultsPage results =
        ResultsPage.read(Path.of("../RESULTS.md"), Path.of("../docs/measurements"));
    assertThat(results.text())
        .as("edit docs/measurements/*.json, then run longnet bench results")
        .isEqualTo(results.filled());
  }
}
