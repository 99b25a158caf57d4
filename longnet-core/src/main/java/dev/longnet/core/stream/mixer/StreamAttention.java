// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.NormWeights;
import dev.longnet.core.stream.kernel.PackedMatrix;
import dev.longnet.core.stream.kernel.WeightReader;
import java.util.List;
import java.util.Optional;

/// Attention as a mixer: rotated queries and keys, and values; then a norm and the output
/// projection.
final class StreamAttention implements StreamMixer {
  private final AttentionGeometry geometry;

  /// [3C, C]: query, key and value projections as one matrix.
  private final PackedMatrix qkv;

  private final NormWeights innerNorm;
  private final PackedMatrix out;

  StreamAttention(AttentionGeometry geometry, WeightReader weights, String prefix) {
    this.geometry = geometry;
    int c = geometry.hidden;
    this.qkv =
        weights.linear(List.of(prefix + "q_proj", prefix + "k_proj", prefix + "v_proj"), c, c);
    this.innerNorm = weights.norm(prefix + "inner_attn_ln", c);
    this.out = weights.linear(List.of(prefix + "out_proj"), c, c);
  }

  @Override
  public int rowWidth() {
    return 3 * geometry.hidden;
  }

  @Override
  public Optional<Work.Slot<?>> scratch() {
    return Optional.of(geometry.scratch);
  }

  @Override
  public long longestChunk(long position) {
    return geometry.rotation.longestChunk(position);
  }

  @Override
  public void prepare(Work work, long start, int from, int to, int shift) {
    if (!geometry.rotation.isNone()) {
      geometry.rotation.fill(start, from, to, work.scratch(geometry.scratch).tables, shift);
    }
  }

  @Override
  public void prepareStep(Work work, long position, int row) {
    prepare(work, position, 0, 1, row);
    AttentionScratch scratch = work.scratch(geometry.scratch);
    scratch.reserveScores(scratch.steps.place(row, position));
  }

  @Override
  public void project(Block block, long normed) {
    block.products().product(normed, block.count(), qkv, block.rows(rowWidth()));
  }

  @Override
  public void place(Work work, int first, int last) {
    if (!geometry.rotation.isNone()) {
      Rotation.Tables tables = work.scratch(geometry.scratch).tables;
      long q = work.rows().address() + 4L * first * rowWidth();
      long k = q + 4L * geometry.hidden;
      long table = 4L * first * geometry.headSize;
      int rows = last - first;
      rotate(work, q, rows, tables.queryCos.address() + table, tables.querySin.address() + table);
      rotate(work, k, rows, tables.keyCos.address() + table, tables.keySin.address() + table);
      if (geometry.rotation.scalesFreeHeads()) {
        scaleFreeHeads(work.rows(), first, last, tables.freeQueries);
      }
    }
  }

  private void scaleFreeHeads(NativeFloats rows, int first, int last, NativeFloats factors) {
    int channels = geometry.nopeHeads * geometry.headSize;
    for (int row = first; row < last; row++) {
      float factor = factors.get(row);
      long query = (long) row * rowWidth();
      for (long at = query; at < query + channels; at++) {
        rows.set(at, rows.get(at) * factor);
      }
    }
  }

  private void rotate(Work work, long x, int rows, long cos, long sin) {
    int free = geometry.nopeHeads;
    int d = geometry.headSize;
    work.kernels().rotate(x + 4L * free * d, rowWidth(), rows, geometry.heads - free, d, cos, sin);
  }

  @Override
  public void finish(Block block, long to) {
    Kernels kernels = block.kernels();
    innerNorm.apply(kernels, block.mixed(), block.count(), block.mixed());
    block.products().product(block.mixed(), block.count(), out, to);
  }

  @Override
  public int parts() {
    return geometry.heads;
  }

  @Override
  public MixerMemory newMemory(NativeMemory memory) {
    return new AttentionMemory(geometry, memory);
  }

  @Override
  public double storedBytes(long position) {
    double bytes = 0;
    for (LiveRows rows : geometry.live) {
      for (int head = 0; head < geometry.heads; head++) {
        bytes += 8.0 * rows.held(head, position) * geometry.headSize;
      }
    }
    return bytes;
  }

  @Override
  public boolean isReference(long reference, long position) {
    return geometry.rotation.isReference(reference, position);
  }

  @Override
  public String description() {
    return "attention " + geometry.kernel.description();
  }
}
