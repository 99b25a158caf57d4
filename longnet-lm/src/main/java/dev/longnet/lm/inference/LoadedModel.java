package dev.longnet.lm.inference;

import dev.longnet.attention.AttentionPattern;
import dev.longnet.attention.BlockwiseCausalPattern;
import dev.longnet.attention.GradientMode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.AttentionConfig;
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
import dev.longnet.lm.train.CheckpointTensors;
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
    ModelConfig config = checkpoint.model();
    return open(checkpoint, config, runtime, config.attention().pattern(config.causal()));
  }

  /// As [#open], but no query looks further back than one of a training sequence could: blockwise
  /// causal attention with blocks of half the trained length, for inputs beyond it.
  public static LoadedModel openBlockwise(Checkpoint checkpoint, RuntimeConfig runtime)
      throws IOException {
    ModelConfig trained = checkpoint.model();
    if (checkpoint.trainedLength() % 2 != 0) {
      throw new IllegalArgumentException(
          "blockwise attention needs an even trained length: trained_length="
              + checkpoint.trainedLength());
    }
    AttentionPattern pattern =
        new BlockwiseCausalPattern(
            trained.attention().pattern(trained.causal()), checkpoint.trainedLength() / 2);
    // Windows cross the largest segment's boundaries, so positions must not begin anew there: those
    // of dense attention.
    ModelConfig config =
        new ModelConfig(
            trained.vocabulary(),
            trained.layers(),
            trained.hidden(),
            trained.heads(),
            trained.feedForward(),
            trained.positions(),
            trained.xposScaleBase(),
            trained.tiedOutput(),
            trained.causal(),
            new AttentionConfig.Dense());
    return open(checkpoint, config, runtime, pattern);
  }

  private static LoadedModel open(
      Checkpoint checkpoint, ModelConfig config, RuntimeConfig runtime, AttentionPattern pattern)
      throws IOException {
    @Nullable Tokenizer tokenizer = checkpoint.hasTokenizer() ? checkpoint.loadTokenizer() : null;
    Torch.setThreads(runtime.threads());
    AttentionOperator attention = AttentionOperators.of(pattern, GradientMode.EXACT, runtime);
    ModelOptions options = ModelOptions.of(runtime).withActivationCheckpointing(false);
    Decoder decoder = Decoder.create(config, options, attention, 0);
    try {
      CheckpointTensors.load(checkpoint, decoder);
    } catch (IOException | RuntimeException | Error e) {
      decoder.close();
      throw e;
    }
    return new LoadedModel(checkpoint, tokenizer, decoder);
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
    return new DecoderScorer(decoder);
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
