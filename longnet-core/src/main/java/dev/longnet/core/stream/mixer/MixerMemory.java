// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.NativeMemory;
import java.io.IOException;

/// What one stream remembers of one layer: keys and values, a recurrent matrix, sums. Used by one
/// thread at a time, but for [#step]. It lives in its stream's memory, which is freed as a whole.
///
/// How many tokens it has read is the stream's to know: every call is told the position. All
/// memories of a stream reserve, then all of them begin, then they mix: a lack of memory shows
/// before anything has changed.
public interface MixerMemory {
  /// Makes room for a chunk; what is remembered stays as it is.
  ///
  /// @param position where the chunk begins
  void reserve(long position, int tokens);

  /// What changes as the stream moves on to `position`, before its tokens are mixed. Takes no
  /// memory.
  default void begin(long position) {}

  /// Mixes rows `[0, tokens)` of the work, the tokens at `position` and after, and remembers what
  /// later tokens need of them. May use the work's team.
  void chunk(Work work, long position, int tokens);

  /// Makes room for a single token; what is remembered stays as it is.
  ///
  /// @return about how many floats mixing it reads: whether helping threads are worth it
  long reserveStep(long position);

  /// Takes a step's row as a whole, once, before its parts are mixed; by one thread.
  default void arrive(Work work, int row) {}

  /// Mixes one part of a row, the token at `position`, and remembers what later tokens need of it.
  /// Parts ([StreamMixer#parts]) run in any order on any thread, each once.
  ///
  /// @param worker which thread of the work's team this is
  void step(Work work, int row, long position, int part, int worker);

  /// Another memory of the same past.
  ///
  /// @param memory of the stream it is for
  MixerMemory copy(NativeMemory memory);

  /// Off-heap bytes held now.
  long bytes();

  /// What remembered numbers are scaled relative to, as a position; 0 where nothing is scaled. The
  /// memories of equal mixers agree in it.
  default long reference() {
    return 0;
  }

  /// Writes what is remembered after `position` tokens: [StreamMixer#storedBytes] bytes.
  void write(long position, StateOutput out) throws IOException;

  /// Becomes the memory that was written. The bytes are known to be there: it may take memory for
  /// them at once.
  ///
  /// @param reference of the memory that was written
  void read(long position, long reference, StateInput in) throws IOException;
}
