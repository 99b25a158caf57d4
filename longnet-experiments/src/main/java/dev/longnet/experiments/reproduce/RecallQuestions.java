// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.data.source.RecallText;
import dev.longnet.core.data.source.RecallText.Pair;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// A sequence that asks for what it hid.
///
/// @param text of which each byte is a token
/// @param answers where the values that are asked for stand
/// @param distances of the answers from their pairs' values
record RecallQuestions(byte[] text, List<Integer> answers, List<Integer> distances) {
  /// Distances are counted from here on.
  static final int NEAREST = 32;

  RecallQuestions {
    answers = List.copyOf(answers);
    distances = List.copyOf(distances);
  }

  private record Asked(Pair pair, int value, int due) {}

  /// Multi-query associative recall (Zoology, arXiv 2312.04927): pairs at the beginning, each asked
  /// for once, later. The distances' octaves from [#NEAREST] on are equally likely, as far as a
  /// pair has room for them.
  ///
  /// @param tokens of the sequence, a power of two
  static RecallQuestions mqar(long seed, int tokens, int pairs) {
    int block = pairs * RecallText.PAIR;
    if (Integer.bitCount(tokens) != 1 || tokens < 4 * block) {
      throw new IllegalArgumentException(
          "pairs need a power of two of at least " + 4 * block + " tokens: tokens=" + tokens);
    }
    RecallText text = new RecallText(seed);
    Asked[] asked = new Asked[pairs];
    for (int i = 0; i < pairs; i++) {
      Pair pair = text.pair();
      int value = text.put(pair);
      asked[i] = new Asked(pair, value, value + distance(text, block - value, tokens - value));
    }
    Arrays.sort(asked, Comparator.comparingInt(Asked::due));
    Integer[] answers = new Integer[pairs];
    Integer[] distances = new Integer[pairs];
    for (int i = 0; i < pairs; i++) {
      // Room for the questions that are still to come.
      int latest = tokens - (pairs - i) * RecallText.PAIR - RecallText.LONGEST_WORD;
      text.fillTo(Math.min(asked[i].due - RecallText.KEY, latest));
      answers[i] = text.put(asked[i].pair);
      distances[i] = answers[i] - asked[i].value;
    }
    text.fillTo(tokens);
    return new RecallQuestions(
        Arrays.copyOf(text.bytes(), tokens), List.of(answers), List.of(distances));
  }

  /// A distance of at least `from` and below `to` in a random octave.
  private static int distance(RecallText text, int from, int to) {
    int first = Math.max(NEAREST, from);
    int[] octaves =
        IntStream.iterate(NEAREST, o -> o < to, o -> 2 * o).filter(o -> 2 * o > first).toArray();
    int octave = octaves[text.below(octaves.length)];
    int low = Math.max(octave, first);
    return low + text.below(Math.min(2 * octave, to) - low);
  }

  /// A needle in a haystack: one pair in a sequence of filler, asked for at its end.
  ///
  /// @param tokens of the sequence, the answer behind it not counted
  /// @param depth where the pair stands, from 0, the beginning, to 1, right before the question
  static RecallQuestions needle(long seed, int tokens, double depth) {
    // What is too long in the end is cut off in front, where two words can spare it.
    int margin = 2 * RecallText.LONGEST_WORD;
    int room = tokens - margin - RecallText.PAIR - RecallText.KEY;
    if (room < 0) {
      throw new IllegalArgumentException("a needle needs more tokens: tokens=" + tokens);
    }
    RecallText text = new RecallText(seed);
    Pair pair = text.pair();
    text.fillTo(margin + (int) (depth * room));
    int value = text.put(pair);
    text.fillTo(tokens - RecallText.KEY);
    int answer = text.put(pair);
    int spare = answer - tokens;
    byte[] bytes = Arrays.copyOfRange(text.bytes(), spare, answer + 1);
    return new RecallQuestions(bytes, List.of(tokens), List.of(answer - value));
  }

  /// The token at a place.
  int token(int place) {
    return text[place] & 0xff;
  }

  /// Whether a model gives an answer.
  ///
  /// @param expected the likeliest token behind each of the text's
  boolean isRight(int answer, long[] expected) {
    int at = answers.get(answer);
    return expected[at - 1] == token(at);
  }

  /// The octave of a distance: 0 below twice [#NEAREST], 1 below four times that, and so on.
  static int octave(int distance) {
    return 31 - Integer.numberOfLeadingZeros(Math.max(distance, NEAREST) / NEAREST);
  }
}
