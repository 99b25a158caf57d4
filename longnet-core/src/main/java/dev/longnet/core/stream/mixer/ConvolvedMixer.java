// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.util.Locale;
import java.util.Optional;

/// Any mixer behind a short convolution (docs/longnet.md, section 6): what it projects from its
/// rows is convolved over time before it is given its position. A convolved row needs earlier ones,
/// so blocks of rows are only projected here, and [ConvolvedMemory] does the rest when all are
/// there.
///
/// @param inner the mixer whose rows begin with what is convolved
/// @param width how many of a row's floats that is
/// @param taps [count, width]: the last one is for the token itself
/// @param count K
record ConvolvedMixer(StreamMixer inner, int width, NativeFloats taps, int count)
    implements StreamMixer {
  /// Rows that are remembered: K - 1.
  int past() {
    return count - 1;
  }

  @Override
  public int rowWidth() {
    return inner.rowWidth();
  }

  @Override
  public Optional<Work.Slot<?>> scratch() {
    return inner.scratch();
  }

  @Override
  public long longestChunk(long position) {
    return inner.longestChunk(position);
  }

  @Override
  public void prepare(Work work, long start, int from, int to, int shift) {
    inner.prepare(work, start, from, to, shift);
  }

  @Override
  public void prepareStep(Work work, long position, int row) {
    inner.prepareStep(work, position, row);
  }

  @Override
  public void project(Block block, long normed) {
    inner.project(block, normed);
  }

  @Override
  public void finish(Block block, long out) {
    inner.finish(block, out);
  }

  @Override
  public int parts() {
    return inner.parts();
  }

  @Override
  public MixerMemory newMemory(NativeMemory memory) {
    return new ConvolvedMemory(this, memory);
  }

  @Override
  public double storedBytes(long position) {
    return 4.0 * past() * width + inner.storedBytes(position);
  }

  @Override
  public boolean isReference(long reference, long position) {
    return inner.isReference(reference, position);
  }

  @Override
  public String description() {
    return String.format(Locale.ROOT, "%s, convolution of %d taps", inner.description(), count);
  }
}
