// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;

/// What an experiment found.
///
/// @param name of the experiment
/// @param claim what the table was to show; empty where none was written down
public record ResultTable(String name, String claim, Measured measured, Content content) {
  /// What a column's cells are. Every cell may be empty: not measured, or not written down.
  public enum Type {
    TEXT,
    /// A command or another text that is shown as it is.
    CODE,
    INTEGER,
    NUMBER
  }

  /// @param unit such as `s`; empty for none
  /// @param digits significant digits a page shows of its numbers; 0: all that were written
  public record Column(String name, String unit, Type type, int digits) {
    public Column {
      if (name.isBlank() || digits < 0 || digits > 0 && type != Type.NUMBER) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "a column needs a name, and only one of numbers has digits: name=\"%s\", type=%s, digits=%d",
                name,
                type,
                digits));
      }
    }

    public static Column text(String name) {
      return new Column(name, "", Type.TEXT, 0);
    }

    public static Column integer(String name, String unit) {
      return new Column(name, unit, Type.INTEGER, 0);
    }

    public static Column number(String name, String unit, int digits) {
      return new Column(name, unit, Type.NUMBER, digits);
    }

    private String checked(String cell) {
      try {
        return cell.isEmpty()
            ? cell
            : switch (type) {
              case TEXT, CODE -> line(cell);
              case INTEGER -> Long.toString(Long.parseLong(cell));
              case NUMBER -> new BigDecimal(cell).toString();
            };
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "column %s needs %ss: %s",
                name,
                type.name().toLowerCase(Locale.ROOT),
                cell),
            e);
      }
    }
  }

  /// @param rows a text a cell, numbers as they are written in JSON
  /// @param notes sentences that belong to the table
  public record Content(List<Column> columns, List<List<String>> rows, List<String> notes) {
    public Content {
      columns = List.copyOf(columns);
      notes = notes.stream().map(ResultTable::line).toList();
      if (columns.isEmpty()
          || columns.stream().map(Column::name).distinct().count() < columns.size()) {
        throw new IllegalArgumentException(
            "a table needs columns, each with a name of its own: " + columns);
      }
      List<List<String>> checked = new ArrayList<>();
      for (List<String> row : rows) {
        if (row.size() != columns.size()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "a row needs a cell for each of %d columns: %s",
                  columns.size(),
                  row));
        }
        List<String> cells = new ArrayList<>();
        for (int i = 0; i < row.size(); i++) {
          cells.add(columns.get(i).checked(row.get(i)));
        }
        checked.add(List.copyOf(cells));
      }
      rows = List.copyOf(checked);
    }

    /// A column's cells in the order of the rows.
    ///
    /// @throws IllegalArgumentException when there is no such column
    public List<String> column(String name) {
      List<String> names = columns.stream().map(Column::name).toList();
      int index = names.indexOf(name);
      if (index < 0) {
        throw new IllegalArgumentException("no column " + name + " among " + names);
      }
      return rows.stream().map(row -> row.get(index)).toList();
    }

    /// The same as numbers; NaN where a cell is empty.
    public double[] numbers(String name) {
      return column(name).stream()
          .mapToDouble(cell -> cell.isEmpty() ? Double.NaN : Double.parseDouble(cell))
          .toArray();
    }
  }

  public ResultTable {
    if (!name.matches("[a-z0-9]+(-[a-z0-9]+)*")) {
      throw new IllegalArgumentException(
          "name must be lower-case words with hyphens between them: name=" + name);
    }
    line(claim);
  }

  /// For people: the claim, the table, where it comes from, the notes.
  public String toMarkdown() {
    return Markdown.of(this);
  }

  /// A row of texts, numbers and optional numbers; what is absent, NaN or infinite becomes an empty
  /// cell.
  public static List<String> row(Object... cells) {
    List<String> row = new ArrayList<>();
    for (Object cell : cells) {
      row.add(
          switch (cell) {
            case Double d when !Double.isFinite(d) -> "";
            case OptionalLong o -> o.isPresent() ? Long.toString(o.getAsLong()) : "";
            default -> cell.toString();
          });
    }
    return row;
  }

  private static String line(String text) {
    if (!text.equals(text.strip()) || text.lines().count() > 1) {
      throw new IllegalArgumentException(
          "a text in a table is one line without spaces around it: \""
              + text.replaceAll("\\R", "\\\\n")
              + "\"");
    }
    return text;
  }
}
