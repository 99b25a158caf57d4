// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A page such as RESULTS.md: text by hand, and tables between two lines that are markers. The table
/// NAME comes from `NAME.json` in the folder of measurements.
///
///     <!-- table:NAME -->
///     <!-- /table -->
///
/// @param file the page
/// @param text as it is now
/// @param filled as its tables want it
public record ResultsPage(Path file, String text, String filled) {
  private static final Pattern START = Pattern.compile("<!-- table:(\\S+) -->");
  private static final String END = "<!-- /table -->";

  /// Reads everything, writes nothing.
  ///
  /// @throws IllegalArgumentException when a table lacks a file, a file a table, or one of them is
  ///   damaged
  public static ResultsPage read(Path file, Path measurements) throws IOException {
    Map<String, ResultTable> tables = new TreeMap<>();
    for (Path json : files(measurements)) {
      tables.put(json.getFileName().toString().replaceFirst("\\.json$", ""), TableJson.read(json));
    }
    String text = Texts.read(file);
    return new ResultsPage(file, text, filled(text, file, tables, measurements));
  }

  private static List<Path> files(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IllegalArgumentException("not a folder of measurements: " + folder);
    }
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(path -> path.getFileName().toString().endsWith(".json")).sorted().toList();
    }
  }

  public boolean isCurrent() {
    return text.equals(filled);
  }

  /// Writes the page whole or not at all.
  public void write() throws IOException {
    AtomicFiles.writeString(file, filled);
  }

  private static String filled(
      String text, Path file, Map<String, ResultTable> tables, Path measurements) {
    StringBuilder out = new StringBuilder();
    Set<String> shown = new TreeSet<>();
    String open = null;
    int number = 0;
    for (String line : text.split("(?<=\n)")) {
      number++;
      Matcher start = START.matcher(line.strip());
      boolean end = line.strip().equals(END);
      if (start.matches() || end) {
        String name = end ? open : start.group(1);
        String mistake =
            end == (open == null)
                ? end ? "no table begins before this end" : "table " + open + " has no end"
                : !tables.containsKey(name)
                    ? measurements.resolve(name + ".json") + " is missing"
                    : !end && !shown.add(name) ? "table " + name + " stands here again" : "";
        if (!mistake.isEmpty()) {
          throw new IllegalArgumentException(
              String.format(Locale.ROOT, "%s: %s, line %d", file, mistake, number));
        }
        out.append(line).append(end ? "" : Markdown.of(Objects.requireNonNull(tables.get(name))));
        open = end ? null : name;
      } else if (open == null) {
        out.append(line);
      }
    }
    if (open != null) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "%s: table %s has no end", file, open));
    }
    for (String name : tables.keySet()) {
      if (!shown.contains(name)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: nowhere a line <!-- table:%s --> for %s",
                file,
                name,
                measurements.resolve(name + ".json")));
      }
    }
    return out.toString();
  }
}
