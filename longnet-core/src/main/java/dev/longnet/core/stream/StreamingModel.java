// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.mixer.StreamMixer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;

/// A decoder that reads streams: the same logits as a forward pass over everything read so far,
/// from a state that holds only what later tokens need. Weights are loaded once; any number of
/// [StreamState]s and [StreamSession]s share them.
///
/// ```java
/// try (StreamingModel model = StreamingModel.load(config, weights, StreamOptions.defaults());
///     StreamSession session = model.newSession();
///     StreamState state = model.newStream()) {
///   session.read(state, tokens, 0, tokens.length);
///   session.logits(state, logits);
/// }
/// ```
///
/// Immutable, for any number of threads. Whoever loaded it closes it, after its streams and
/// sessions; while a session is open, closing is refused.
public final class StreamingModel implements AutoCloseable {
  private final ModelConfig config;
  private final StreamOptions options;
  private final Kernels kernels;
  private final StreamWeights weights;
  private final List<StreamMixer> distinctMixers;

  /// Sessions that are not closed; -1 once the model is.
  private final AtomicInteger sessions = new AtomicInteger();

  private StreamingModel(
      ModelConfig config, Function<String, TensorEntry> tensors, StreamOptions options) {
    if (!config.causal()) {
      throw new IllegalArgumentException(
          "an encoder can't be streamed, every token attends to later ones: causal=false");
    }
    this.config = config;
    this.options = options;
    this.kernels = Kernels.of(options.kernel());
    this.weights =
        new NativeMemory()
            .build(memory ->
                new StreamWeights(
                    config,
                    tensors,
                    kernels,
                    AttentionOptions.defaults()
                        .withKernel(options.kernel())
                        .withThreads(options.threads()),
                    memory));
    Map<MixerConfig, StreamMixer> distinct = new LinkedHashMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      distinct.putIfAbsent(config.mixer(layer), weights.layers.get(layer).mixer());
    }
    this.distinctMixers = List.copyOf(distinct.values());
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
    return String.format(
        Locale.ROOT,
        "streaming: %s, %s, %d threads",
        kernels.description(),
        distinctMixers.stream()
            .map(StreamMixer::description)
            .distinct()
            .collect(Collectors.joining(", ")),
        options.threads());
  }

  /// A stream that has read nothing; the caller closes it.
  public StreamState newStream() {
    if (sessions.get() < 0) {
      throw closed();
    }
    return StreamState.empty(this, new NativeMemory());
  }

  /// Threads and memory to read streams with, as the options say; the caller closes it.
  public StreamSession newSession() {
    return newSession(options.threads());
  }

  /// @param threads of this session, the caller's included
  public StreamSession newSession(int threads) {
    return StreamSession.open(this, threads, options.chunkTokens(), new NativeMemory());
  }

  /// Counts a session.
  ///
  /// @throws IllegalStateException when the weights are freed
  void sessionOpened() {
    if (sessions.getAndUpdate(open -> open < 0 ? open : open + 1) < 0) {
      throw closed();
    }
  }

  void sessionClosed() {
    sessions.decrementAndGet();
  }

  private static IllegalStateException closed() {
    return new IllegalStateException("the model is closed");
  }

  Kernels kernels() {
    return kernels;
  }

  StreamWeights weights() {
    return weights;
  }

  /// One mixer for each configuration among the layers' mixers.
  List<StreamMixer> distinctMixers() {
    return distinctMixers;
  }

  /// @throws IllegalStateException while a session is open: it may be reading the weights
  @Override
  public void close() {
    int open = sessions.compareAndExchange(0, -1);
    if (open > 0) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "close a model after its sessions: %d %s open",
              open,
              open == 1 ? "is" : "are"));
    }
    weights.close();
  }
}
