// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.ResultTable.Type;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// A [ResultTable] for people.
final class Markdown {
  /// Decimals beyond which a number is written with a power of ten.
  private static final int MOST_DECIMALS = 8;

  private Markdown() {}

  /// The claim, the table, where it comes from, the notes; ends with a line break.
  static String of(ResultTable table) {
    StringBuilder out = new StringBuilder();
    if (!table.claim().isEmpty()) {
      out.append("Claim: ").append(escape(table.claim())).append("\n\n");
    }
    List<Column> columns = table.content().columns();
    out.append(line(columns.stream().map(Markdown::heading).toList()));
    out.append(line(columns.stream().map(c -> isNumber(c) ? "---:" : "---").toList()));
    for (List<String> row : table.content().rows()) {
      List<String> cells = new ArrayList<>();
      for (int i = 0; i < row.size(); i++) {
        cells.add(cell(columns.get(i), row.get(i)));
      }
      out.append(line(cells));
    }
    String origin = origin(table.measured());
    if (!origin.isEmpty()) {
      out.append('\n').append(origin).append('\n');
    }
    if (!table.content().notes().isEmpty()) {
      out.append('\n');
      table.content().notes().forEach(note -> out.append("- ").append(escape(note)).append('\n'));
    }
    return out.toString();
  }

  private static boolean isNumber(Column column) {
    return column.type() == Type.INTEGER || column.type() == Type.NUMBER;
  }

  private static String heading(Column column) {
    return escape(column.name() + (column.unit().isEmpty() ? "" : ", " + column.unit()));
  }

  private static String cell(Column column, String cell) {
    if (cell.isEmpty()) {
      return "";
    }
    return switch (column.type()) {
      case TEXT -> escape(cell);
      case CODE -> code(cell);
      case INTEGER, NUMBER -> number(new BigDecimal(cell), column.digits());
    };
  }

  /// Thousands apart, no more than `digits` significant digits, but never fewer than stand before
  /// the point; 0: all digits.
  static String number(BigDecimal value, int digits) {
    BigDecimal shown = value;
    if (digits > 0) {
      int whole = value.precision() - value.scale();
      shown =
          whole >= digits
              ? value.setScale(0, RoundingMode.HALF_UP)
              : value.round(new MathContext(digits, RoundingMode.HALF_UP));
    }
    return shown.scale() > MOST_DECIMALS
        ? shown.toString()
        : String.format(Locale.ROOT, "%,." + Math.max(0, shown.scale()) + "f", shown);
  }

  private static String origin(Measured from) {
    List<String> parts = new ArrayList<>();
    if (!from.command().isEmpty()) {
      parts.add(code(from.command()));
    }
    Measured.Machine m = from.machine();
    String cores = m.cores().isEmpty() ? "" : m.cores().getAsInt() + " cores";
    String machine = joined(", ", m.gpu(), m.cpu(), cores, m.memory(), m.system(), m.java());
    parts.add(escape(machine));
    parts.add(from.commit().isEmpty() ? "" : "commit " + from.commit());
    parts.add(from.date().replaceFirst("T(\\d\\d:\\d\\d).*", " $1 UTC"));
    String seeds = from.seeds().stream().map(String::valueOf).collect(Collectors.joining(", "));
    parts.add(seeds.isEmpty() ? "" : (from.seeds().size() == 1 ? "seed " : "seeds ") + seeds);
    String origin = joined("; ", parts.toArray(String[]::new));
    return origin.isEmpty() ? "" : "Measured: " + origin + ".";
  }

  private static String joined(String between, String... parts) {
    return List.of(parts).stream()
        .filter(part -> !part.isEmpty())
        .collect(Collectors.joining(between));
  }

  private static String line(List<String> cells) {
    return "| " + String.join(" | ", cells) + " |\n";
  }

  /// GitHub's tables end a cell at a bar, also within code.
  private static String code(String text) {
    String fence = text.contains("`") ? "``" : "`";
    return fence + text.replace("|", "\\|") + fence;
  }

  private static String escape(String text) {
    return text.replace("|", "\\|").replace("<", "&lt;");
  }
}
