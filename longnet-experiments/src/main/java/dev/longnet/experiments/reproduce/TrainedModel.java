// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.evaluate.Scorer;
import java.io.IOException;
import java.nio.file.Path;

/// A trained model beside the text that it never saw. Whoever opened it closes it; what it hands
/// out is valid until then.
public interface TrainedModel extends AutoCloseable {
  RunConfig config();

  /// The run's directory, with `evaluation.json` and `metrics.jsonl`.
  Path run();

  /// The held-out documents as one row of tokens.
  TokenSplit heldOut();

  Tokenizer tokenizer();

  /// The model as it was trained.
  Scorer scorer();

  /// What the model expects next: the likeliest id behind every token.
  ///
  /// @param ids [batch, tokens], row by row
  /// @return [batch, tokens], row by row
  long[] expected(long[] ids, int batch, int tokens);

  /// Losses of a text that is read from its first token to its last: as a stream where what the
  /// model remembers does not grow with the text, else in windows of the trained length that move
  /// by half of it: behind the first one a token has half a window before it at least.
  ///
  /// @param ids the text
  /// @return of each id but the first, nats
  float[] read(long[] ids) throws IOException;

  /// The same model where no token looks further back than in training (blockwise causal
  /// attention): for inputs beyond the trained length.
  Scorer blockwise() throws IOException;

  @Override
  void close() throws IOException;
}
