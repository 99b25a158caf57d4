// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// How well a token is predicted by its position in the window: later ones have more text before
/// them. Octaves hold different tokens, so differences within their errors mean nothing.
///
/// @param length tokens of a window
public record ByPosition(long length, List<At> octaves) {
  /// The first octave's tokens.
  private static final int FIRST = 64;

  public ByPosition {
    octaves = List.copyOf(octaves);
  }

  /// @param positions 0 is the token that is predicted from one other
  /// @param tokens predictions
  /// @param bits mean of a token
  /// @param error standard error of that mean, from window to window; NaN of one window
  public record At(Octave positions, long tokens, double bits, double error) {}

  /// One line for people.
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "bits a token by position in windows of %,d: %s",
        length,
        octaves.stream()
            .map(at -> String.format(Locale.ROOT, "%s %.3f", at.positions, at.bits))
            .collect(Collectors.joining(", ")));
  }

  void write(ObjectNode json) {
    json.put("length", length);
    ArrayNode rows = json.putArray("octaves");
    for (At at : octaves) {
      ObjectNode row = rows.addObject();
      row.put("from", at.positions.from());
      row.put("to", at.positions.to());
      row.put("tokens", at.tokens);
      Evaluation.number(row, "bits_per_token", at.bits);
      Evaluation.number(row, "standard_error", at.error);
    }
  }

  /// Takes windows' losses.
  static final class Sums {
    private final int length;
    private final List<Octave> octaves;

    /// [windows, octaves] nats
    private final double[] nats;

    /// @param length tokens of a window
    /// @param windows how many there will be
    Sums(int length, long windows) {
      this.length = length;
      this.octaves = Octave.upTo(0, FIRST, length - 1);
      this.nats = new double[Math.toIntExact(Math.multiplyExact(windows, octaves.size()))];
    }

    /// See [Evaluator.WindowLosses].
    void add(long first, Sharing.Part part, float[] losses) {
      int at = Math.toIntExact(first * octaves.size());
      for (int row = 0; row < losses.length; row += part.tokens()) {
        for (Octave octave : octaves) {
          int from = (int) Math.max(0, octave.from() - part.first());
          int to = (int) Math.min(part.tokens() - 1, octave.to() - part.first());
          double sum = 0;
          for (int i = from; i <= to; i++) {
            sum += losses[row + i];
          }
          nats[at++] = sum;
        }
      }
    }

    /// @param sharing whose windows and parts come together here
    ByPosition result(Sharing sharing) {
      double[] all = sharing.sums(nats);
      List<At> rows = new ArrayList<>();
      for (int i = 0; i < octaves.size(); i++) {
        Octave octave = octaves.get(i);
        Mean mean = new Mean();
        for (int at = i; at < all.length; at += octaves.size()) {
          mean.add(all[at] / Math.log(2) / octave.size());
        }
        rows.add(new At(octave, octave.size() * mean.count(), mean.value(), mean.error()));
      }
      return new ByPosition(length, rows);
    }
  }
}
