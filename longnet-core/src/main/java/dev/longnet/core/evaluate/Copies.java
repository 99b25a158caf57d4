// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/// How far back a model finds what it has read: the copy probe's result. A span of text stands
/// twice in a window, and the second one is scored, once with the first one in its place and once
/// with other text there. The gain is what the first one saves.
///
/// @param window tokens of a window
/// @param tokens that went through the model
/// @param dilation r: the residue classes are those of the distance modulo it; 1: none
/// @param octaves by distance from the first span's start to the second's
public record Copies(int window, long tokens, int dilation, List<AtDistance> octaves) {
  /// Tokens of a span.
  public static final int SPAN = 32;

  /// Tokens at a span's beginning that are not scored: they cannot know that a copy begins.
  public static final int LEAD = 8;

  /// A gain is told from chance if it exceeds so many of its standard errors, …
  private static final double MARGIN = 3;

  /// … so many bits of a token, …
  private static final double LEAST_BITS = 0.1;

  /// … and comes from so many spans: the error of a few is itself a guess.
  private static final int LEAST_SPANS = 8;

  public Copies {
    octaves = List.copyOf(octaves);
  }

  /// @param without mean bits of a token without the first span
  /// @param gain bits of it that the first span saves, all classes together
  /// @param residues the same by residue class 0, 1, …; empty where there are no classes
  public record AtDistance(Octave distance, double without, Gain gain, List<Gain> residues) {
    public AtDistance {
      residues = List.copyOf(residues);
    }
  }

  /// @param spans that were tried
  /// @param bits mean of a token; NaN where none was tried
  /// @param error standard error of that mean, from span to span; NaN of fewer than two
  public record Gain(long spans, double bits, double error) {
    static Gain of(Mean mean) {
      return new Gain(mean.count(), mean.value(), mean.error());
    }

    /// Whether chance alone would hardly give it.
    public boolean clear() {
      return spans >= LEAST_SPANS && bits > LEAST_BITS && bits > MARGIN * error;
    }
  }

  /// How far the model sees: the end of the farthest octave with a clear gain; empty where none has
  /// one.
  public OptionalLong reach() {
    return octaves.stream().filter(at -> at.gain.clear()).mapToLong(at -> at.distance.to()).max();
  }

  /// One line for people.
  @Override
  public String toString() {
    OptionalLong reach = reach();
    return String.format(
        Locale.ROOT,
        "copies are %s: bits saved of a token by distance %s",
        reach.isPresent()
            ? String.format(Locale.ROOT, "found up to %,d tokens back", reach.getAsLong())
            : "not found at any distance",
        octaves.stream()
            .map(at -> String.format(Locale.ROOT, "%s %.2f", at.distance, at.gain.bits))
            .collect(Collectors.joining(", ")));
  }

  void write(ObjectNode json) {
    json.put("window", window);
    json.put("tokens", tokens);
    json.put("span", SPAN);
    json.put("not_scored", LEAD);
    json.put("dilation", dilation);
    reach().ifPresentOrElse(far -> json.put("reach", far), () -> json.putNull("reach"));
    ArrayNode rows = json.putArray("octaves");
    for (AtDistance at : octaves) {
      ObjectNode row = rows.addObject();
      row.put("from", at.distance.from());
      row.put("to", at.distance.to());
      Evaluation.number(row, "bits_without", at.without);
      write(row, at.gain);
      if (!at.residues.isEmpty()) {
        ArrayNode classes = row.putArray("residues");
        at.residues.forEach(gain -> write(classes.addObject(), gain));
      }
    }
  }

  private static void write(ObjectNode row, Gain gain) {
    row.put("spans", gain.spans);
    Evaluation.number(row, "gain", gain.bits);
    Evaluation.number(row, "standard_error", gain.error);
  }
}
