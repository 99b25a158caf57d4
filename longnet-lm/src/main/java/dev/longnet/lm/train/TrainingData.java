// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.Batches;
import dev.longnet.core.data.PhasedBatches;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenStream;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.zip.CRC32C;

/// What a run learns from.
///
/// @param fingerprint another one where the tokens are others: such a run is not resumed
/// @param windows to train on
/// @param heldOut to measure the validation loss on; may be empty
/// @param tokenizer its file, where it is one: checkpoints take it along
public record TrainingData(
    String fingerprint, Windows windows, TokenStream heldOut, Optional<byte[]> tokenizer) {

  /// A corpus' token shards, in a recipe's windows and mixture. Valid while the shards are open.
  ///
  /// @param tokenizer the recipe's
  /// @throws IllegalArgumentException when the corpus is too small, or the tokenizer not the
  ///   shards'
  public static TrainingData of(RunConfig config, TokenShards shards, Tokenizer tokenizer) {
    double[] weights =
        config.corpus().sources().stream()
            .map(CorpusSource::weight)
            .filter(OptionalDouble::isPresent)
            .mapToDouble(OptionalDouble::getAsDouble)
            .toArray();
    Batches batches =
        Batches.of(shards, weights, config.training().window(), config.training().seed());
    if (!tokenizer.fingerprint().equals(shards.manifest().tokenizerFingerprint())) {
      throw new IllegalArgumentException(
          "the tokenizer changed since its token shards were made: start again: tokenizer="
              + config.corpus().tokenizer());
    }
    return new TrainingData(
        fingerprint(shards),
        new PhasedBatches(batches, config.training())::part,
        shards.validation(),
        tokenizer.definition());
  }

  /// Whether two runs' tokens are the same. The path of a tokenizer's file, the first part of a
  /// fingerprint, says nothing about them.
  static boolean sameTokens(String fingerprint, String other) {
    return withoutPath(fingerprint).equals(withoutPath(other));
  }

  private static String withoutPath(String fingerprint) {
    int space = fingerprint.lastIndexOf(' ');
    return space > 0 && Tokenizers.isFile(fingerprint.substring(0, space))
        ? fingerprint.substring(space)
        : fingerprint;
  }

  private static String fingerprint(TokenShards shards) {
    StringBuilder text = new StringBuilder(shards.manifest().tokenizer()).append(' ');
    CRC32C crc = new CRC32C();
    shards
        .manifest()
        .shards()
        .forEach(s ->
            crc.update(
                (s.baseName() + s.tokens() + ' ' + s.tokensCrc())
                    .getBytes(StandardCharsets.UTF_8)));
    return text.append(String.format(Locale.ROOT, "%08x", crc.getValue())).toString();
  }
}
