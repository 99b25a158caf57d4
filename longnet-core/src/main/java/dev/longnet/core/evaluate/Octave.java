// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Neighbouring positions or distances, in tokens, that are measured together.
///
/// @param from the first
/// @param to the last
public record Octave(long from, long to) {
  /// [first, second), then [second, 2 second), [2 second, 4 second), … up to `last` itself.
  static List<Octave> upTo(long first, long second, long last) {
    List<Octave> octaves = new ArrayList<>();
    long end = second;
    for (long from = first; from <= last; from = end, end *= 2) {
      octaves.add(new Octave(from, Math.min(end - 1, last)));
    }
    return octaves;
  }

  long size() {
    return to - from + 1;
  }

  /// 1,024-2,047
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%,d-%,d", from, to);
  }
}
