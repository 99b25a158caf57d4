// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.mixer.MixerMemory;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/// What one stream remembers: how many tokens it has read, a memory for each layer, and the last
/// token's hidden row, from which the next token is scored. It owns no thread and belongs to one
/// model; any [StreamSession] of that model may read into it, one at a time. Closing frees all of
/// it.
public final class StreamState implements AutoCloseable {
  private enum Use {
    FREE,
    BUSY,
    /// Reading broke off in the middle of a chunk.
    BROKEN,
    CLOSED
  }

  final StreamingModel model;

  /// One for each layer.
  final List<MixerMemory> memories;

  /// `[C]`, meaningless before the first token.
  final NativeFloats hidden;

  long position;

  /// Whether layers disagree about what has been read.
  boolean inChunk;

  private final AtomicReference<Use> use = new AtomicReference<>(Use.FREE);

  private final NativeMemory memory;

  private StreamState(
      StreamingModel model, NativeMemory memory, List<MixerMemory> memories, NativeFloats hidden) {
    this.model = model;
    this.memory = memory;
    this.memories = memories;
    this.hidden = hidden;
  }

  /// A stream that has read nothing.
  ///
  /// @param memory becomes the stream's own
  static StreamState empty(StreamingModel model, NativeMemory memory) {
    return memory.build(own ->
        new StreamState(
            model,
            own,
            model.weights().layers.stream().map(layer -> layer.mixer().newMemory(own)).toList(),
            own.floats(model.config().hidden())));
  }

  /// Tokens read so far.
  public long position() {
    return position;
  }

  /// Off-heap bytes this stream holds now.
  public long bytes() {
    return hidden.bytes() + memories.stream().mapToLong(MixerMemory::bytes).sum();
  }

  /// A stream that has read the same and goes its own way; the caller closes it.
  public StreamState copy() {
    return copy(new NativeMemory());
  }

  /// @param memory becomes the copy's own
  StreamState copy(NativeMemory memory) {
    begin();
    try {
      StreamState copy =
          memory.build(own ->
              new StreamState(
                  model,
                  own,
                  memories.stream().map(layer -> layer.copy(own)).toList(),
                  own.copy(hidden)));
      copy.position = position;
      return copy;
    } finally {
      end();
    }
  }

  /// Reserves the stream for one call.
  ///
  /// @throws IllegalStateException when another call uses it, it is closed, or it broke off
  void begin() {
    switch (use.compareAndExchange(Use.FREE, Use.BUSY)) {
      case FREE -> {}
      case BUSY ->
          throw new IllegalStateException("the stream is in use: one call at a time may have it");
      case BROKEN ->
          throw new IllegalStateException(
              "the stream broke off in the middle of an earlier read: close it");
      case CLOSED -> throw new IllegalStateException("the stream is closed");
    }
  }

  /// The stream moves on: until its position does, its layers disagree.
  void beginChunk() {
    inChunk = true;
    for (MixerMemory layer : memories) {
      layer.begin(position);
    }
  }

  /// Ends what [#begin] began.
  void end() {
    use.set(inChunk ? Use.BROKEN : Use.FREE);
  }

  /// @throws IllegalStateException when it is closed already or in use
  @Override
  public void close() {
    if (!use.compareAndSet(Use.BROKEN, Use.CLOSED)) {
      begin();
      use.set(Use.CLOSED);
    }
    memory.close();
  }
}
