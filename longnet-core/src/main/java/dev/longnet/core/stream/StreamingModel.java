package dev.longnet.core.stream;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.WorkerTeam;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/// A decoder that reads streams: the same logits as a forward pass over everything read so far,
/// from a state that holds only what later tokens can attend to. Weights are loaded once; any
/// number of [StreamState]s share them.
///
/// ```java
/// try (StreamingModel model = StreamingModel.load(config, weights, StreamOptions.defaults());
///     StreamState state = model.newStream()) {
///   model.read(state, tokens, 0, tokens.length);
///   model.logits(state, logits);
/// }
/// ```
///
/// One thread at a time; inside, calls use as many as the options say. Whoever loaded it closes it,
/// after its streams.
public final class StreamingModel implements AutoCloseable {
  private final ModelConfig config;
  private final StreamOptions options;
  private final List<Holding> holdings;
  private final Kernels kernels;
  private final StreamWeights weights;
  private final WorkerTeam team;
  private final Rotation rotation;
  private final AttentionKernel attention;
  private Prefill prefill;
  private Decode decode;

  private StreamingModel(
      ModelConfig config, Function<String, TensorEntry> tensors, StreamOptions options) {
    if (!config.causal()) {
      throw new IllegalArgumentException(
          "an encoder can't be streamed, every token attends to later ones: causal=false");
    }
    this.config = config;
    this.options = options;
    this.holdings = Holding.of(config.mixer(0), config.heads());
    this.rotation = new Rotation(config);
    this.kernels = Kernels.of(options.kernel());
    this.attention =
        AttentionKernel.of(
            AttentionOptions.defaults()
                .withKernel(options.kernel())
                .withThreads(options.threads()));
    this.weights = new StreamWeights(config, tensors, kernels);
    this.team = new WorkerTeam(options.threads());
  }

  /// Loads weights under torchscale's names; the file may be closed afterwards.
  ///
  /// @throws IllegalArgumentException when a tensor is missing or has the wrong shape, or the model
  ///   is an encoder
  public static StreamingModel load(ModelConfig config, Path safetensors, StreamOptions options)
      throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(safetensors)) {
      return load(config, file::tensor, options);
    }
  }

  /// @param tensors the model's, by torchscale's names; not used after this call
  public static StreamingModel load(
      ModelConfig config, Function<String, TensorEntry> tensors, StreamOptions options) {
    return new StreamingModel(config, tensors, options);
  }

  public ModelConfig config() {
    return config;
  }

  public StreamOptions options() {
    return options;
  }

  /// SHA-256 of configuration and weights.
  public byte[] hash() {
    return weights.hash.clone();
  }

  /// Bytes of all weight matrices.
  public long weightBytes() {
    return weights.bytes();
  }

  /// Kernels and threads, for logs.
  public String describe() {
    return "streaming: %s, attention %s, %d threads"
        .formatted(kernels.description(), attention.description(), options.threads());
  }

  /// A stream that has read nothing; the caller closes it.
  public StreamState newStream() {
    return new StreamState(this);
  }

  /// Reads `count` tokens.
  public void read(StreamState state, int[] tokens, int from, int count) {
    read(state, tokens, from, count, null, null);
  }

  /// Reads `count` tokens and scores each by what was known before it: `losses[i]` is -log
  /// p(tokens[from + i] | all before), NaN for the first token of a stream, which nothing precedes.
  ///
  /// @param losses at least `count` floats
  public void read(StreamState state, int[] tokens, int from, int count, float[] losses) {
    if (losses.length < count) {
      throw new IllegalArgumentException("losses must hold " + count + " floats: " + losses.length);
    }
    read(state, tokens, from, count, losses, null);
  }

  /// Reads `count` tokens and writes the scores of what follows each of them.
  ///
  /// @param logits [count, V], overwritten
  public void read(StreamState state, int[] tokens, int from, int count, MemorySegment logits) {
    if (logits.byteSize() / 4 < (long) count * config.vocabulary()) {
      throw new IllegalArgumentException(
          "logits must hold [" + count + ", " + config.vocabulary() + "] floats");
    }
    read(state, tokens, from, count, null, logits);
  }

  private void read(
      StreamState state, int[] tokens, int from, int count, float[] losses, MemorySegment logits) {
    check(state);
    for (int i = from; i < from + count; i++) {
      check(tokens[i]);
    }
    if (count == 1 && losses == null && logits == null) {
      step(List.of(state), new int[] {tokens[from]});
      return;
    }
    if (prefill == null) {
      prefill = new Prefill(this);
    }
    for (int done = 0; done < count; ) {
      int n =
          (int)
              Math.min(
                  Math.min(count - done, options.chunkTokens()),
                  rotation.longestChunk(state.position));
      prefill.chunk(state, tokens, from + done, n, losses, done, logits);
      done += n;
    }
  }

  /// Reads one token in each of several streams, whatever their lengths, as one batch.
  ///
  /// @param streams distinct
  public void step(List<StreamState> streams, int[] tokens) {
    if (streams.size() != tokens.length) {
      throw new IllegalArgumentException(
          "one token a stream: " + streams.size() + " streams, " + tokens.length + " tokens");
    }
    for (int i = 0; i < tokens.length; i++) {
      check(streams.get(i));
      check(tokens[i]);
      if (streams.indexOf(streams.get(i)) != i) {
        throw new IllegalArgumentException(
            "a stream can't read two tokens in one step: stream " + i);
      }
    }
    if (tokens.length > 0) {
      decode().step(streams, tokens);
    }
  }

  /// The scores of what follows the last token of a stream that has read at least one.
  ///
  /// @param logits [V], overwritten
  public void logits(StreamState state, float[] logits) {
    logits(List.of(state), new float[][] {logits});
  }

  /// As [#logits(StreamState, float[])] for several streams at once.
  public void logits(List<StreamState> streams, float[][] logits) {
    for (int i = 0; i < logits.length; i++) {
      check(streams.get(i));
      if (streams.get(i).position == 0) {
        throw new IllegalArgumentException(
            "a stream must have read a token before it can score the next: stream " + i);
      }
      if (logits[i].length != config.vocabulary()) {
        throw new IllegalArgumentException(
            "logits must have vocabulary=" + config.vocabulary() + " floats: " + logits[i].length);
      }
    }
    decode().logits(streams, logits);
  }

  private Decode decode() {
    if (decode == null) {
      decode = new Decode(this);
    }
    return decode;
  }

  private void check(StreamState state) {
    if (state.model != this) {
      throw new IllegalArgumentException("the stream belongs to another model");
    }
  }

  private void check(int token) {
    if (token < 0 || token >= config.vocabulary()) {
      throw new IllegalArgumentException(
          "token ids must be from 0 to " + (config.vocabulary() - 1) + ": id=" + token);
    }
  }

  /// Takes cached keys over to the reference a chunk at the stream's position uses.
  void moveReference(StreamState state) {
    long reference = rotation.reference(state.position);
    if (reference == state.reference) {
      return;
    }
    // A smaller one begins a new period: no cached key is ever read again.
    if (reference > state.reference) {
      try (var factors = new dev.longnet.core.stream.kernel.NativeFloats(config.headSize())) {
        rotation.rescaling(state.reference, reference, factors);
        for (RowCache[] layer : state.caches) {
          for (int i = 0; i < layer.length; i++) {
            for (int head = 0; head < config.heads(); head++) {
              layer[i].scaleKeys(
                  kernels, head, holdings.get(i).held(head, state.position), factors);
            }
          }
        }
      }
    }
    state.reference = reference;
  }

  List<Holding> holdings() {
    return holdings;
  }

  Kernels kernels() {
    return kernels;
  }

  StreamWeights weights() {
    return weights;
  }

  WorkerTeam team() {
    return team;
  }

  Rotation rotation() {
    return rotation;
  }

  AttentionKernel attention() {
    return attention;
  }

  @Override
  public void close() {
    team.close();
    if (prefill != null) {
      prefill.close();
    }
    if (decode != null) {
      decode.close();
    }
    weights.close();
  }
}
