// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Numbers of one tiny run, as `pinned/NAME.txt` keeps them: one a line, a name, a space, a
/// hexadecimal double.
///
/// @param values losses as `loss STEP`, logits as `logit TOKEN ID`, and `logits sum`, that of all
record Pinned(Map<String, Double> values) {
  private static final Path FOLDER = Path.of("src/test/resources/pinned");

  /// Logits are looked at in 16 places.
  private static final int LOGITS = 16;

  /// @param losses of each step
  /// @param logits [T, V]
  static Pinned of(List<Double> losses, float[][] logits) {
    Map<String, Double> values = new TreeMap<>();
    for (int step = 1; step <= losses.size(); step++) {
      values.put("loss %02d".formatted(step), losses.get(step - 1));
    }
    for (int i = 0; i < LOGITS; i++) {
      // The last token of each sixteenth, at ids that occur in the text and ids that do not.
      int token = (i + 1) * logits.length / LOGITS - 1;
      int id = i % 2 == 0 ? i : 17 * i % logits[0].length;
      values.put("logit %03d %03d".formatted(token, id), (double) logits[token][id]);
    }
    double sum = 0;
    for (float[] row : logits) {
      for (float logit : row) {
        sum += logit;
      }
    }
    values.put("logits sum", sum);
    return new Pinned(values);
  }

  static Pinned read(String name) throws IOException {
    Map<String, Double> values = new TreeMap<>();
    for (String line : Files.readAllLines(FOLDER.resolve(name + ".txt"))) {
      int space = line.lastIndexOf(' ');
      values.put(line.substring(0, space), Double.parseDouble(line.substring(space + 1)));
    }
    return new Pinned(values);
  }

  void write(String name) throws IOException {
    Files.createDirectories(FOLDER);
    Files.write(
        FOLDER.resolve(name + ".txt"),
        values.entrySet().stream()
            .map(entry -> entry.getKey() + ' ' + Double.toHexString(entry.getValue()))
            .toList());
  }

  /// The largest difference of the values whose name begins so.
  double drift(Pinned other, String prefix) {
    return values.keySet().stream()
        .filter(name -> name.startsWith(prefix))
        .mapToDouble(name -> Math.abs(values.get(name) - other.values.get(name)))
        .max()
        .orElseThrow();
  }

  /// One line for each value that is further off than its tolerance, in order of the names.
  List<String> differences(Pinned actual, String prefix, double tolerance) {
    List<String> lines = new ArrayList<>();
    values.forEach((name, expected) -> {
      Double value = actual.values.get(name);
      if (name.startsWith(prefix) && !(value != null && Math.abs(value - expected) <= tolerance)) {
        lines.add(
            "%s: expected %s, was %s, further than %s off"
                .formatted(name, expected, value, tolerance));
      }
    });
    return lines;
  }
}
