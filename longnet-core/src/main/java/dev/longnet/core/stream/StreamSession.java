// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.attention.WorkerTeam;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.Products;
import dev.longnet.core.stream.mixer.StreamMixer;
import dev.longnet.core.stream.mixer.Work;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;

/// Threads and working memory that read streams of one model, one call after another. A program has
/// as many sessions as it wants to read streams at the same time; each has its own threads, and any
/// of them may read any stream. Whoever made it closes it, before its model.
public final class StreamSession implements AutoCloseable {
  private final StreamingModel model;
  private final int chunkTokens;
  private final WorkerTeam team;
  private final NativeMemory memory;
  private final ChunkPass chunks;
  private final StepPass steps;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile boolean closed;

  private StreamSession(
      StreamingModel model, WorkerTeam team, int chunkTokens, NativeMemory memory) {
    this.model = model;
    this.team = team;
    this.chunkTokens = chunkTokens;
    this.memory = memory;
    Kernels kernels = model.kernels();
    List<Products.Alone> products = new ArrayList<>();
    for (int worker = 0; worker < team.size(); worker++) {
      products.add(new Products.Alone(kernels, memory.floats(kernels.productScratch())));
    }
    Work work = new Work(kernels, team, model.config().hidden(), model.distinctMixers(), memory);
    chunks = new ChunkPass(model, work, products, chunkTokens, memory);
    steps = new StepPass(model, work, new Products.Shared(kernels, team, products), memory);
  }

  /// A session that its model counts until it is closed.
  ///
  /// @param memory becomes the session's own
  static StreamSession open(
      StreamingModel model, int threads, int chunkTokens, NativeMemory memory) {
    return memory.build(own -> {
      WorkerTeam team = new WorkerTeam(threads);
      try {
        StreamSession session = new StreamSession(model, team, chunkTokens, own);
        model.sessionOpened();
        return session;
      } catch (RuntimeException | Error e) {
        team.close();
        throw e;
      }
    });
  }

  public StreamingModel model() {
    return model;
  }

  /// Tokens that go through a layer together at most.
  public int chunkTokens() {
    return chunkTokens;
  }

  /// Reads `count` tokens.
  public void read(StreamState state, int[] tokens, int from, int count) {
    read(state, tokens, from, count, ReadOptions.plain());
  }

  /// Reads `count` tokens and scores each by what was known before it ([ReadOptions#losses]).
  ///
  /// @param losses at least `count` floats
  public void read(StreamState state, int[] tokens, int from, int count, float[] losses) {
    read(state, tokens, from, count, ReadOptions.plain().withLosses(losses));
  }

  /// Reads `count` tokens and writes the scores of what follows each of them.
  ///
  /// @param logits [count, V], overwritten
  public void read(StreamState state, int[] tokens, int from, int count, MemorySegment logits) {
    read(state, tokens, from, count, ReadOptions.plain().withLogits(logits));
  }

  /// Reads tokens chunk by chunk until all are read or the options say stop. The state has then
  /// read whole chunks: as many tokens as this returns.
  ///
  /// @return `count`, or less where the read was cancelled
  public int read(StreamState state, int[] tokens, int from, int count, ReadOptions options) {
    check(state);
    for (int i = from; i < from + count; i++) {
      check(tokens[i]);
    }
    check(options, count);
    reserve();
    try {
      state.begin();
      try {
        return readChunks(state, tokens, from, count, options);
      } finally {
        state.end();
      }
    } finally {
      busy.set(false);
    }
  }

  private int readChunks(
      StreamState state, int[] tokens, int from, int count, ReadOptions options) {
    int done = 0;
    while (done < count && !options.cancelled().getAsBoolean()) {
      int n = (int) Math.min(Math.min(count - done, chunkTokens), longestChunk(state.position));
      if (count == 1 && options.stateOnly()) {
        steps.read(List.of(state), new int[] {tokens[from]});
      } else {
        chunks.read(state, tokens, from + done, n, options, done);
      }
      done += n;
    }
    return done;
  }

  private long longestChunk(long position) {
    long longest = Long.MAX_VALUE;
    for (StreamMixer mixer : model.distinctMixers()) {
      longest = Math.min(longest, mixer.longestChunk(position));
    }
    return longest;
  }

  /// Reads one token in each of several streams, whatever their lengths, as one batch: every weight
  /// is read once.
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
      with(streams, () -> steps.read(streams, tokens));
    }
  }

  /// The scores of what follows the last token of a stream that has read at least one.
  ///
  /// @param logits `[V]`, overwritten
  public void logits(StreamState state, float[] logits) {
    logits(List.of(state), new float[][] {logits});
  }

  /// As [#logits(StreamState, float[])] for several streams at once.
  ///
  /// @param streams distinct
  /// @param logits `[V]` for each of them, overwritten
  public void logits(List<StreamState> streams, float[][] logits) {
    if (streams.size() != logits.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "one row of logits a stream: %d streams, %d rows",
              streams.size(),
              logits.length));
    }
    for (int i = 0; i < logits.length; i++) {
      check(streams.get(i));
      if (streams.indexOf(streams.get(i)) != i) {
        throw new IllegalArgumentException("a stream can't be scored twice at once: stream " + i);
      }
      if (streams.get(i).position == 0) {
        throw new IllegalArgumentException(
            "a stream must have read a token before it can score the next: stream " + i);
      }
      if (logits[i].length != model.config().vocabulary()) {
        throw new IllegalArgumentException(
            "logits must have vocabulary="
                + model.config().vocabulary()
                + " floats: "
                + logits[i].length);
      }
    }
    if (logits.length > 0) {
      with(streams, () -> steps.logits(streams, logits));
    }
  }

  /// Runs something that has the session and some streams to itself.
  private void with(List<StreamState> streams, Runnable call) {
    reserve();
    int begun = 0;
    try {
      for (StreamState stream : streams) {
        stream.begin();
        begun++;
      }
      call.run();
    } finally {
      streams.subList(0, begun).forEach(StreamState::end);
      busy.set(false);
    }
  }

  private void reserve() {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException(
          closed
              ? "the session is closed"
              : "the session is in use: a thread that reads beside another needs its own");
    }
  }

  private void check(StreamState state) {
    if (state.model != model) {
      throw new IllegalArgumentException("the stream belongs to another model");
    }
  }

  private void check(int token) {
    if (token < 0 || token >= model.config().vocabulary()) {
      throw new IllegalArgumentException(
          "token ids must be from 0 to " + (model.config().vocabulary() - 1) + ": id=" + token);
    }
  }

  private void check(ReadOptions options, int count) {
    ModelConfig config = model.config();
    options
        .losses()
        .filter(losses -> losses.length < count)
        .ifPresent(losses -> {
          throw new IllegalArgumentException(
              "losses must hold " + count + " floats: " + losses.length);
        });
    options
        .shares()
        .filter(shares -> shares.of().length < count || options.losses().isEmpty())
        .ifPresent(shares -> {
          throw new IllegalArgumentException(
              "shares must hold " + count + " floats beside as many losses: " + shares.of().length);
        });
    options
        .logits()
        .filter(logits -> logits.byteSize() / 4 < (long) count * config.vocabulary())
        .ifPresent(_ -> {
          throw new IllegalArgumentException(
              "logits must hold [" + count + ", " + config.vocabulary() + "] floats");
        });
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    reserve();
    closed = true;
    team.close();
    memory.close();
    model.sessionClosed();
  }
}
