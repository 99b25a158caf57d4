// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// What a stream remembers of a layer behind a short convolution: the last K - 1 rows before they
/// were convolved, zeros where there was no token, and the mixer's own memory.
final class ConvolvedMemory implements MixerMemory {
  /// Floats that threads share out: a cache line.
  private static final int UNIT = 16;

  private final ConvolvedMixer mixer;
  private final MixerMemory inner;

  /// [K - 1, width]
  private NativeFloats past;

  /// Where the next past is put together.
  private NativeFloats next;

  ConvolvedMemory(ConvolvedMixer mixer, NativeMemory memory) {
    this(
        mixer,
        mixer.inner().newMemory(memory),
        memory.floats((long) mixer.past() * mixer.width()),
        memory);
  }

  private ConvolvedMemory(
      ConvolvedMixer mixer, MixerMemory inner, NativeFloats past, NativeMemory memory) {
    this.mixer = mixer;
    this.inner = inner;
    this.past = past;
    this.next = memory.floats((long) mixer.past() * mixer.width());
  }

  @Override
  public void reserve(long position, int tokens) {
    inner.reserve(position, tokens);
  }

  @Override
  public void begin(long position) {
    inner.begin(position);
  }

  @Override
  public void chunk(Work work, long position, int tokens) {
    int threads = work.team().size();
    int units = Math.ceilDiv(mixer.width(), UNIT);
    int pieces = Math.min(threads, units);
    work.team()
        .run(
            pieces,
            (piece, worker) -> {
              int from = units * piece / pieces * UNIT;
              int to = Math.min(mixer.width(), units * (piece + 1) / pieces * UNIT);
              convolve(work, 0, tokens, from, to);
            });
    swap();
    int blocks = Math.min(threads, tokens);
    work.team()
        .run(
            blocks,
            (block, worker) -> {
              int first = (int) ((long) tokens * block / blocks);
              int last = (int) ((long) tokens * (block + 1) / blocks);
              mixer.inner().place(work, first, last);
            });
    inner.chunk(work, position, tokens);
  }

  @Override
  public void arrive(Work work, int row) {
    convolve(work, row, 1, 0, mixer.width());
    swap();
    mixer.inner().place(work, row, row + 1);
    inner.arrive(work, row);
  }

  /// Convolves columns `[from, to)` of the work's rows in place, and puts the past of later ones
  /// together.
  private void convolve(Work work, int first, int rows, int from, int to) {
    int width = mixer.width();
    long stride = mixer.rowWidth();
    MemorySegment fresh = work.rows().segment();
    long bytes = 4L * (to - from);
    for (int j = 0; j < mixer.past(); j++) {
      // Counted from the first of the rows.
      int row = rows - mixer.past() + j;
      MemorySegment source = row < 0 ? past.segment() : fresh;
      long at = row < 0 ? (long) (row + mixer.past()) * width : (first + row) * stride;
      long target = (long) j * width;
      MemorySegment.copy(source, 4 * (at + from), next.segment(), 4 * (target + from), bytes);
    }
    work.kernels()
        .convolve(
            work.rows().address() + 4 * (first * stride + from),
            stride,
            rows,
            to - from,
            mixer.taps().address() + 4L * from,
            mixer.count(),
            past.address() + 4L * from,
            width);
  }

  private void swap() {
    NativeFloats old = past;
    past = next;
    next = old;
  }

  @Override
  public long reserveStep(long position) {
    return inner.reserveStep(position);
  }

  @Override
  public void step(Work work, int row, long position, int part, int worker) {
    inner.step(work, row, position, part, worker);
  }

  @Override
  public MixerMemory copy(NativeMemory memory) {
    return new ConvolvedMemory(mixer, inner.copy(memory), memory.copy(past), memory);
  }

  @Override
  public long bytes() {
    return past.bytes() + next.bytes() + inner.bytes();
  }

  @Override
  public long reference() {
    return inner.reference();
  }

  @Override
  public void write(long position, StateOutput out) throws IOException {
    out.write(past, 0, (long) mixer.past() * mixer.width());
    inner.write(position, out);
  }

  @Override
  public void read(long position, long reference, StateInput in) throws IOException {
    in.read(past, 0, (long) mixer.past() * mixer.width());
    inner.read(position, reference, in);
  }
}
