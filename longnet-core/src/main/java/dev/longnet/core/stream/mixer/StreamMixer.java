// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.NativeMemory;
import java.util.Optional;

/// What mixes the tokens of one layer: weights and geometry, no state. Immutable; any number of
/// streams and threads share one.
///
/// A chunk of one stream, or a step of several, goes through a layer in four calls. [#project]
/// turns normed rows into the mixer's own rows and [#place] gives them their positions, block by
/// block. [MixerMemory#chunk] or [MixerMemory#step] mixes them, stream by stream. [#finish] turns
/// mixed rows into the layer's output, block by block. Behind a short convolution
/// ([ConvolvedMixer]) rows are placed once they are convolved.
public interface StreamMixer {
  /// Floats of one token in the mixer's own form: 3 C for attention's query, key and value.
  int rowWidth();

  /// What a session keeps for this mixer beside its rows.
  default Optional<Work.Slot<?>> scratch() {
    return Optional.empty();
  }

  /// How many tokens from `position` on one chunk may cover.
  default long longestChunk(long position) {
    return Long.MAX_VALUE;
  }

  /// Computes what depends on positions alone. Called before [#project], once for all layers of
  /// equal mixers, by several threads on disjoint rows.
  ///
  /// @param start where the chunk begins
  /// @param from the first of its tokens meant here, counted from `start`
  /// @param to one past the last
  /// @param shift row `shift + i` of the work is token i
  default void prepare(Work work, long start, int from, int to, int shift) {}

  /// As [#prepare] for a step: row `row` of the work is the single token at `position`. Called by
  /// one thread, before anything has changed; it may take memory.
  default void prepareStep(Work work, long position, int row) {
    prepare(work, position, 0, 1, row);
  }

  /// Writes the mixer's rows of a block ([Block#rows]).
  ///
  /// @param normed address of [rows, C], the layer's input after its norm
  void project(Block block, long normed);

  /// Gives projected rows `[first, last)` of the work their positions: attention rotates queries
  /// and keys. Called by several threads on disjoint rows.
  default void place(Work work, int first, int last) {}

  /// Turns the mixed rows of a block ([Block#mixed]) into what is added to the layer's input. The
  /// mixed rows may be overwritten.
  ///
  /// @param out address of [rows, C], overwritten
  void finish(Block block, long out);

  /// In how many parts a single token's mixing can be shared out among threads: the heads of
  /// attention.
  default int parts() {
    return 1;
  }

  /// A memory of a stream that has read nothing.
  ///
  /// @param memory the stream's
  MixerMemory newMemory(NativeMemory memory);

  /// Bytes that [MixerMemory#write] writes after `position` tokens; a double, as a damaged file may
  /// claim any position.
  double storedBytes(long position);

  /// Whether [MixerMemory#reference] may be this after `position` tokens: a damaged file may claim
  /// any.
  default boolean isReference(long reference, long position) {
    return reference == 0;
  }

  /// What computes, for logs: `attention simd 512-bit`.
  String description();
}
