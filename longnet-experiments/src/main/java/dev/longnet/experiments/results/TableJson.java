// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.Section;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.ResultTable.Content;
import dev.longnet.experiments.results.ResultTable.Type;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/// A [ResultTable] as a file: one schema, read strictly.
///
///     { "schema": 1, "name": "train", "claim": "…",
///       "measured": { "command": "…", "commit": "…", "date": "2026-11-27T07:48Z", "seeds": [1],
///                     "machine": { "cpu": "…", "cores": 2, "memory": "…", "gpu": "…",
///                                  "system": "…", "java": "…" } },
///       "columns": [ { "name": "step", "unit": "s", "type": "number", "digits": 4 }, … ],
///       "rows": [ [ 36.7, … ], … ],
///       "notes": [ "…" ] }
///
/// A column's type is `text` (where none is given), `code`, `integer` or `number`. A cell that was
/// not measured is null. Numbers keep the digits they were written with.
public final class TableJson {
  private static final int SCHEMA = 1;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  private TableJson() {}

  /// @throws IllegalArgumentException one line that names the file and what is wrong in it
  public static ResultTable read(Path file) throws IOException {
    ObjectNode tree;
    try {
      if (!(JSON.readTree(Texts.read(file)) instanceof ObjectNode object)) {
        throw new IllegalArgumentException("not a table of results: " + file);
      }
      tree = object;
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "not JSON, %s: %s", Texts.reason(e), file), e);
    }
    Section top = Section.root(tree, file.toString());
    if (top.requiredInteger("schema", 1) > SCHEMA) {
      throw top.wrong("schema", "must be " + SCHEMA + ", a newer program wrote this");
    }
    top.require("columns");
    top.require("rows");
    try {
      ResultTable table =
          new ResultTable(
              top.requiredText("name"),
              top.text("claim", ""),
              measured(top.section("measured")),
              new Content(
                  top.sections("columns", "name").stream().map(TableJson::column).toList(),
                  rows(top, tree.get("rows")),
                  top.texts("notes", List.of())));
      top.done();
      checkTypes(top, table.content().columns(), tree.get("rows"));
      return table;
    } catch (IllegalArgumentException e) {
      // What the table itself refuses does not know the file.
      throw String.valueOf(e.getMessage()).contains(file.toString())
          ? e
          : new IllegalArgumentException(e.getMessage() + " (" + file + ")", e);
    }
  }

  /// Where numbers come from, as [#tree] wrote it.
  public static Measured measured(Section section) {
    Section machine = section.section("machine");
    Measured measured =
        new Measured(
            section.text("command", ""),
            new Measured.Machine(
                machine.text("cpu", ""),
                machine.has("cores")
                    ? OptionalInt.of(machine.integer("cores", 1, 1))
                    : OptionalInt.empty(),
                machine.text("memory", ""),
                machine.text("gpu", ""),
                machine.text("system", ""),
                machine.text("java", "")),
            section.text("commit", ""),
            section.text("date", ""),
            section.wholeNumbers("seeds", List.of(), Long.MIN_VALUE));
    machine.done();
    section.done();
    return measured;
  }

  private static Column column(Section section) {
    Column column =
        new Column(
            section.requiredText("name"),
            section.text("unit", ""),
            section.choice("type", Type.TEXT, Type.class),
            section.integer("digits", 0, 0));
    section.done();
    return column;
  }

  private static List<List<String>> rows(Section top, JsonNode node) {
    List<List<String>> rows = new ArrayList<>();
    if (!node.isArray()) {
      throw top.wrong("rows", "must be a list of lists of cells");
    }
    for (JsonNode row : node) {
      List<String> cells = new ArrayList<>();
      if (!row.isArray()) {
        throw top.wrong("rows", "must be a list of lists of cells");
      }
      for (JsonNode cell : row) {
        if (!cell.isNull() && !cell.isTextual() && !cell.isNumber()) {
          throw top.wrong("rows", "must have texts, numbers and null as cells");
        }
        cells.add(cell.isNull() ? "" : cell.asText());
      }
      rows.add(cells);
    }
    return rows;
  }

  /// A number in quotes is a text.
  private static void checkTypes(Section top, List<Column> columns, JsonNode rows) {
    for (JsonNode row : rows) {
      for (int i = 0; i < columns.size(); i++) {
        Column column = columns.get(i);
        boolean right =
            switch (column.type()) {
              case TEXT, CODE -> row.get(i).isTextual();
              case INTEGER -> row.get(i).isIntegralNumber();
              case NUMBER -> row.get(i).isNumber();
            };
        if (!right && !row.get(i).isNull()) {
          throw top.wrong(
              "rows",
              String.format(
                  Locale.ROOT,
                  "must have %s or null in column %s, not %s",
                  column.type().name().toLowerCase(Locale.ROOT),
                  column.name(),
                  row.get(i)));
        }
      }
    }
  }

  /// Writes the file whole or not at all, each row on a line.
  public static void write(Path file, ResultTable table) throws IOException {
    AtomicFiles.writeString(file, text(table));
  }

  static String text(ResultTable table) {
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    List<String> columns = new ArrayList<>();
    for (Column column : table.content().columns()) {
      ObjectNode node = nodes.objectNode().put("name", column.name());
      put(node, "unit", column.unit());
      node.put("type", column.type().name().toLowerCase(Locale.ROOT));
      if (column.digits() > 0) {
        node.put("digits", column.digits());
      }
      columns.add(node.toString());
    }
    return String.format(
        Locale.ROOT,
        "{\n  \"schema\": %d,\n  \"name\": %s,\n  \"claim\": %s,\n  \"measured\": %s,\n  "
            + "\"columns\": %s,\n  \"rows\": %s,\n  \"notes\": %s\n}\n",
        SCHEMA,
        nodes.textNode(table.name()),
        nodes.textNode(table.claim()),
        tree(table.measured()),
        lines(columns),
        lines(table.content().rows().stream().map(row -> row(table.content(), row)).toList()),
        lines(table.content().notes().stream().map(n -> nodes.textNode(n).toString()).toList()));
  }

  /// Where numbers come from, as part of a file.
  public static ObjectNode tree(Measured from) {
    ObjectNode measured = JsonNodeFactory.instance.objectNode();
    put(measured, "command", from.command());
    ObjectNode machine = measured.putObject("machine");
    put(machine, "cpu", from.machine().cpu());
    from.machine().cores().ifPresent(cores -> machine.put("cores", cores));
    put(machine, "memory", from.machine().memory());
    put(machine, "gpu", from.machine().gpu());
    put(machine, "system", from.machine().system());
    put(machine, "java", from.machine().java());
    put(measured, "commit", from.commit());
    put(measured, "date", from.date());
    from.seeds().forEach(measured.withArray("seeds")::add);
    return measured;
  }

  private static void put(ObjectNode node, String key, String text) {
    if (!text.isEmpty()) {
      node.put(key, text);
    }
  }

  private static String row(Content content, List<String> row) {
    List<String> cells = new ArrayList<>();
    for (int i = 0; i < row.size(); i++) {
      String cell = row.get(i);
      boolean number =
          switch (content.columns().get(i).type()) {
            case TEXT, CODE -> false;
            case INTEGER, NUMBER -> true;
          };
      cells.add(
          cell.isEmpty()
              ? "null"
              : number ? cell : JsonNodeFactory.instance.textNode(cell).toString());
    }
    return "[" + String.join(", ", cells) + "]";
  }

  private static String lines(List<String> elements) {
    return elements.isEmpty() ? "[]" : "[\n    " + String.join(",\n    ", elements) + "\n  ]";
  }
}
