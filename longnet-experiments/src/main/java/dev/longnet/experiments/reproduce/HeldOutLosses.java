// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.evaluate.Evaluator;
import dev.longnet.core.evaluate.Scorer;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// A model's losses on the same held-out tokens at several lengths, as sums by group and by position
/// in the window: enough to compare models later, with intervals, without them.
///
///     "heldout": { "tokens": 524288, "group_bytes": [ … ],
///       "lengths": [ { "length": 2048, "blockwise": false, "bits_per_byte": 1.62,
///         "group_nats": [ … ],
///         "octaves": { "from": [ 0, 64, … ], "tokens": [ … ], "nats": [ … ] } } ] }
final class HeldOutLosses {
  private static final String KEY = "heldout";
  private static final int FIRST_OCTAVE = 64;

  private final TrainedModel model;
  private final TokenSplit held;
  private final long tokens;
  private final HeldOutGroups groups;
  private final double bytes;

  private HeldOutLosses(TrainedModel model, List<Integer> lengths, ObjectNode node) {
    this.model = model;
    this.held = model.heldOut();
    this.tokens =
        Evaluator.scoredTokens(
            held,
            lengths.stream().map(Integer::longValue).toList(),
            model.config().evaluation().tokens());
    this.groups = HeldOutGroups.of(held, model.config().corpus().holdout(), tokens + 1);
    int[] each = HeldOutGroups.bytes(held, model.tokenizer(), 1, Math.toIntExact(tokens));
    float[] values = new float[each.length];
    for (int i = 0; i < each.length; i++) {
      values[i] = each[i];
    }
    double[] sums = groups.sums(1, values);
    this.bytes = Arrays.stream(sums).sum();
    node.put("tokens", tokens);
    ArrayNode list = node.putArray("group_bytes");
    Arrays.stream(sums).forEach(sum -> list.add(Math.round(sum)));
  }

  /// Scores at every length; beyond the trained one blockwise too.
  static void measure(TrainedModel model, List<Integer> lengths, ObjectNode figures)
      throws IOException {
    ObjectNode node = figures.putObject(KEY);
    HeldOutLosses losses = new HeldOutLosses(model, lengths, node);
    ArrayNode rows = node.putArray("lengths");
    int trained = model.config().training().window();
    for (int length : lengths) {
      losses.measure(model.scorer(), length, false, rows.addObject());
      if (length > trained) {
        losses.measure(model.blockwise(), length, true, rows.addObject());
      }
    }
  }

  private void measure(Scorer scorer, int length, boolean blockwise, ObjectNode row) {
    float[] all = new float[Math.toIntExact(tokens)];
    int[] at = {0};
    new Evaluator(scorer, model.tokenizer())
        .atLength(
            held,
            length,
            tokens,
            (_, _, losses) -> {
              System.arraycopy(losses, 0, all, at[0], losses.length);
              at[0] += losses.length;
            });
    double[] sums = groups.sums(1, all);
    row.put("length", length);
    row.put("blockwise", blockwise);
    row.put("bits_per_byte", rounded(Arrays.stream(sums).sum() / Math.log(2) / bytes, 6));
    ArrayNode list = row.putArray("group_nats");
    Arrays.stream(sums).forEach(sum -> list.add(rounded(sum, 3)));
    octaves(all, length, row.putObject("octaves"));
  }

  private static void octaves(float[] losses, int length, ObjectNode node) {
    int octaves = octave(length - 1) + 1;
    double[] nats = new double[octaves];
    long[] counts = new long[octaves];
    for (int i = 0; i < losses.length; i++) {
      nats[octave(i % length)] += losses[i];
      counts[octave(i % length)]++;
    }
    ArrayNode from = node.putArray("from");
    ArrayNode tokens = node.putArray("tokens");
    ArrayNode sums = node.putArray("nats");
    for (int i = 0; i < octaves; i++) {
      from.add(i == 0 ? 0 : FIRST_OCTAVE << i - 1);
      tokens.add(counts[i]);
      sums.add(rounded(nats[i], 3));
    }
  }

  /// 0 to 63, 64 to 127, 128 to 255, …
  private static int octave(int position) {
    return position < FIRST_OCTAVE
        ? 0
        : Integer.numberOfTrailingZeros(Integer.highestOneBit(position) / FIRST_OCTAVE) + 1;
  }

  static double rounded(double value, int decimals) {
    double factor = Math.pow(10, decimals);
    return Math.round(value * factor) / factor;
  }

  // What evidence says again.

  /// Bytes of text by group.
  static double[] bytes(Evidence evidence) {
    return numbers(evidence.figures().path(KEY).path("group_bytes"));
  }

  /// Tokens that were scored at each length.
  static long tokens(Evidence evidence) {
    return evidence.figures().path(KEY).path("tokens").asLong();
  }

  /// Losses by group, nats; empty where that was not measured.
  static Optional<double[]> nats(Evidence evidence, int length, boolean blockwise) {
    return at(evidence, length, blockwise).map(row -> numbers(row.path("group_nats")));
  }

  /// Empty where it was not measured.
  static Optional<Double> bitsPerByte(Evidence evidence, int length, boolean blockwise) {
    return at(evidence, length, blockwise).map(row -> row.path("bits_per_byte").asDouble());
  }

  private static Optional<JsonNode> at(Evidence evidence, int length, boolean blockwise) {
    for (JsonNode row : evidence.figures().path(KEY).path("lengths")) {
      if (row.path("length").asInt() == length && row.path("blockwise").asBoolean() == blockwise) {
        return Optional.of(row);
      }
    }
    return Optional.empty();
  }

  static double[] numbers(JsonNode list) {
    double[] numbers = new double[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = list.get(i).asDouble();
    }
    return numbers;
  }
}
