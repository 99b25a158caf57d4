// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.evaluate.Scorer;
import dev.longnet.core.stream.NextToken;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.CheckpointTensors;
import dev.longnet.lm.train.Ranks;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A checkpoint's model, ready to be used. Whoever opened it closes it.
///
/// ```java
/// try (LoadedModel model = LoadedModel.open(Checkpoint.resolve(run), runtime)) {
///   Evaluator evaluator = new Evaluator(model.scorer(), model.tokenizer());
/// }
/// ```
public final class LoadedModel implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final @Nullable Tokenizer tokenizer;
  private final Decoder decoder;

  private LoadedModel(Checkpoint checkpoint, @Nullable Tokenizer tokenizer, Decoder decoder) {
    this.checkpoint = checkpoint;
    this.tokenizer = tokenizer;
    this.decoder = decoder;
  }

  /// @throws IllegalArgumentException when the checkpoint is damaged or its tensors do not fit its
  ///   configuration
  public static LoadedModel open(Checkpoint checkpoint, RuntimeConfig runtime) throws IOException {
    return open(checkpoint, runtime, AttentionOperators.factory(runtime));
  }

  /// As above, with other attention operators than the runtime's own.
  public static LoadedModel open(
      Checkpoint checkpoint, RuntimeConfig runtime, AttentionOperator.Factory operators)
      throws IOException {
    return open(checkpoint, checkpoint.model(), runtime, operators);
  }

  /// As [#open], but no token looks further back than one of a training sequence could: blockwise
  /// causal attention with blocks of half the trained length, for inputs beyond it.
  public static LoadedModel openBlockwise(Checkpoint checkpoint, RuntimeConfig runtime)
      throws IOException {
    if (checkpoint.trainedLength() % 2 != 0) {
      throw new IllegalArgumentException(
          "blockwise attention needs an even trained length: trained_length="
              + checkpoint.trainedLength());
    }
    long blockLength = checkpoint.trainedLength() / 2;
    return open(
        checkpoint,
        checkpoint.model().mapMixers(mixer -> mixer.blockwise(blockLength)),
        runtime,
        AttentionOperators.factory(runtime));
  }

  private static LoadedModel open(
      Checkpoint checkpoint,
      ModelConfig config,
      RuntimeConfig runtime,
      AttentionOperator.Factory operators)
      throws IOException {
    @Nullable Tokenizer tokenizer = checkpoint.hasTokenizer() ? checkpoint.loadTokenizer() : null;
    ModelOptions options = ModelOptions.of(runtime).withActivationCheckpointing(false);
    try (TorchThreads _ = Torch.threads(runtime.threads())) {
      Decoder decoder = Decoder.create(config, options, operators, 0);
      try {
        CheckpointTensors.load(checkpoint, decoder);
      } catch (IOException | RuntimeException | Error e) {
        decoder.close();
        throw e;
      }
      return new LoadedModel(checkpoint, tokenizer, decoder);
    }
  }

  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /// @throws IllegalArgumentException when the weights were imported without a word about their
  ///   tokenizer
  public Tokenizer tokenizer() {
    return tokenizer == null ? checkpoint.loadTokenizer() : tokenizer;
  }

  /// Stays this object's to close.
  public Decoder decoder() {
    return decoder;
  }

  /// Valid as long as this is open.
  public Scorer scorer() {
    return new DecoderScorer(decoder, Ranks.one());
  }

  /// A stream of its own; the caller closes it before this.
  public NextToken nextToken() {
    return new DecoderNextToken(decoder);
  }

  @Override
  public void close() {
    decoder.close();
  }
}
