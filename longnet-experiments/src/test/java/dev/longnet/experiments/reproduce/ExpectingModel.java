// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.evaluate.Scorer;
import java.nio.file.Path;

/// A model that is asked for what it expects, and for nothing else.
interface ExpectingModel extends TrainedModel {
  @Override
  default RunConfig config() {
    throw new UnsupportedOperationException();
  }

  @Override
  default Path run() {
    throw new UnsupportedOperationException();
  }

  @Override
  default TokenSplit heldOut() {
    throw new UnsupportedOperationException();
  }

  @Override
  default Tokenizer tokenizer() {
    throw new UnsupportedOperationException();
  }

  @Override
  default Scorer scorer() {
    throw new UnsupportedOperationException();
  }

  @Override
  default float[] read(long[] ids) {
    throw new UnsupportedOperationException();
  }

  @Override
  default Scorer blockwise() {
    throw new UnsupportedOperationException();
  }

  @Override
  default void close() {}
}
