// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.mixer.MixerMemory;
import java.util.ArrayList;
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

  StreamState(StreamingModel model) {
    this(
        model,
        model.weights().layers.stream().map(layer -> layer.mixer().newMemory()).toList(),
        new NativeFloats(model.config().hidden()));
  }

  private StreamState(StreamingModel model, List<MixerMemory> memories, NativeFloats hidden) {
    this.model = model;
    this.memories = memories;
    this.hidden = hidden;
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
    begin();
    List<MixerMemory> copies = new ArrayList<>();
    try {
      memories.forEach(memory -> copies.add(memory.copy()));
      StreamState copy = new StreamState(model, List.copyOf(copies), hidden.copy());
      copy.position = position;
      return copy;
    } catch (RuntimeException | Error e) {
      copies.forEach(MixerMemory::close);
      throw e;
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
    hidden.close();
    memories.forEach(MixerMemory::close);
  }
}
