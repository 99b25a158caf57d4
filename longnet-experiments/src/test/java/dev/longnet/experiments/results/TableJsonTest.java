// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.ResultTable.Content;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TableJsonTest {
  private static final String SMALL =
      """
      {"schema": 1, "name": "small", "claim": "",
       "measured": {"command": "c", "machine": {"cores": 2}, "commit": "1", "date": "2026-11-27", "seeds": [1]},
       "columns": ["what", {"name": "time", "unit": "s", "type": "number", "digits": 3},
                   {"name": "n", "type": "integer"}],
       "rows": [["a", 1.590, 3]],
       "notes": ["One."]}
      """;

  @TempDir Path folder;

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    Path file = folder.resolve("table.json");
    TableJson.write(file, Tables.TABLE);
    assertThat(TableJson.read(file)).isEqualTo(Tables.TABLE);
    ResultTable bare =
        new ResultTable(
            "bare",
            "",
            new Measured("", Measured.Machine.UNKNOWN, "", "", List.of()),
            new Content(List.of(Column.text("what")), List.of(), List.of()));
    TableJson.write(file, bare);
    assertThat(TableJson.read(file)).isEqualTo(bare);
  }

  /// A benchmark's doubles come back bit for bit: a stream goes on from them.
  @Test
  void doublesComeBackExactly() throws IOException {
    double[] values = {1.0 / 3, 1e10, 1e-300, Double.MIN_VALUE, -0.1f, 1e22, Double.NaN, 12};
    Path file = folder.resolve("table.json");
    List<List<String>> rows = new java.util.ArrayList<>();
    for (double value : values) {
      rows.add(ResultTable.row(value, OptionalLong.empty()));
    }
    TableJson.write(
        file,
        new ResultTable(
            "exact",
            "",
            Tables.SOMEWHERE,
            new Content(
                List.of(Column.number("x", "", 4), Column.integer("y", "")), rows, List.of())));
    assertThat(TableJson.read(file).content().numbers("x")).isEqualTo(values);
    assertThat(TableJson.read(file).content().column("y")).containsOnly("");
  }

  @Test
  void figuresKeepTheirLastZero() throws IOException {
    assertThat(read(SMALL).content().rows()).isEqualTo(List.of(List.of("a", "1.590", "3")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "\"schema\": 1; \"schema\": 2; schema must be 1",
        "\"schema\": 1,; ; schema is missing",
        "\"name\": \"small\"; \"name\": \"Small Table\"; name must be lower-case words",
        "\"claim\": \"\"; \"clam\": \"\"; unknown key clam",
        "\"commit\": \"1\"; \"comit\": \"1\"; unknown key measured.comit",
        "\"commit\": \"1\"; \"commit\": 1; measured.commit must be text",
        "\"cores\": 2; \"cores\": \"2\"; measured.machine.cores must be a whole number",
        "\"cores\": 2; \"ram\": 2; unknown key measured.machine.ram",
        "2026-11-27; 27.11.2026; date must be such as",
        "\"seeds\": [1]; \"seeds\": [1.5]; measured.seeds must be a whole number",
        "\"unit\": \"s\"; \"units\": \"s\"; unknown key columns[1].units",
        "\"type\": \"integer\"; \"type\": \"float\"; columns[2].type must be one of text, code, integer, number",
        "\"type\": \"number\"; \"type\": \"text\"; only one of numbers has digits",
        "\"name\": \"n\"; \"name\": \"time\"; each with a name of its own",
        "[\"a\", 1.590, 3]; [\"a\", 1.590]; a cell for each of 3 columns",
        "[\"a\", 1.590, 3]; [\"a\", 1.590, 3, 4]; a cell for each of 3 columns",
        "[\"a\", 1.590, 3]; [\"a\", \"fast\", 3]; column time needs numbers: fast",
        "[\"a\", 1.590, 3]; [\"a\", \"1.590\", 3]; number or null in column time",
        "[\"a\", 1.590, 3]; [\"a\", 1.590, 3.5]; column n needs integers: 3.5",
        "[\"a\", 1.590, 3]; [5, 1.590, 3]; text or null in column what",
        "[\"a\", 1.590, 3]; [true, 1.590, 3]; texts, numbers and null",
        "[[\"a\", 1.590, 3]]; [\"a\", 1.590, 3]; a list of lists of cells",
        "[[\"a\", 1.590, 3]]; {}; a list of lists of cells",
        "[\"One.\"]; \"One.\"; notes must be a list",
        "[\"One.\"]; [\"One.\\nTwo.\"]; one line",
        "\"rows\"; \"row\"; rows is missing",
        "\"notes\"; \"rows\"; Duplicate field 'rows'",
        "[\"One.\"]}; [\"One.\"]} 5; Trailing token",
        "\"notes\": [\"One.\"]}; ; not JSON",
        "{\"schema\"; [{\"schema\"; not JSON",
      })
  void mistakesAreOneLineThatNamesTheFile(String right, String wrong, String message)
      throws IOException {
    assertThat(SMALL).contains(right);
    assertThatThrownBy(() -> read(SMALL.replace(right, wrong == null ? "" : wrong)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message)
        .hasMessageContaining(folder.resolve("table.json").toString())
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @Test
  void aListIsNoTable() {
    assertThatThrownBy(() -> read("[]")).hasMessageContaining("not a table of results");
    assertThatThrownBy(() -> read("")).hasMessageContaining("not a table of results");
  }

  private ResultTable read(String json) throws IOException {
    return TableJson.read(Files.writeString(folder.resolve("table.json"), json));
  }
}
