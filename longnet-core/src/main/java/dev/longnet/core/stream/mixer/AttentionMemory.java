// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.IntFunction;

/// Keys and values of one stream and layer that later tokens may still see, a cache for each
/// [LiveRows] of the attention.
final class AttentionMemory implements MixerMemory {
  private final AttentionGeometry geometry;
  private final RowCache[] caches;

  /// What the decay of cached keys is relative to ([Rotation]).
  private long reference;

  /// `[D]`: what keys are multiplied by when the reference moves.
  private final NativeFloats factors;

  AttentionMemory(AttentionGeometry geometry, NativeMemory memory) {
    this(
        geometry,
        memory,
        caches(
            geometry,
            i -> {
              LiveRows rows = geometry.live.get(i);
              return new RowCache(
                  memory, geometry.heads, rows.standing(), geometry.headSize, rows.mostRows());
            }),
        0);
  }

  private static RowCache[] caches(AttentionGeometry geometry, IntFunction<RowCache> cache) {
    RowCache[] caches = new RowCache[geometry.live.size()];
    for (int i = 0; i < caches.length; i++) {
      caches[i] = geometry.live.get(i).sharesCache() ? caches[i - 1] : cache.apply(i);
    }
    return caches;
  }

  private AttentionMemory(
      AttentionGeometry geometry, NativeMemory memory, RowCache[] caches, long reference) {
    this.geometry = geometry;
    this.caches = caches;
    this.reference = reference;
    this.factors = memory.floats(geometry.rotation.decays() ? geometry.headSize : 0);
  }

  @Override
  public void reserve(long position, int tokens) {
    for (int i = 0; i < caches.length; i++) {
      LiveRows rows = geometry.live.get(i);
      if (rows.sharesCache()) {
        continue;
      }
      long room = 0;
      for (int head = 0; head < geometry.heads; head++) {
        room = Math.max(room, rows.room(head, position, position + tokens));
      }
      caches[i].reserve(room, geometry.mostUsed(rows, position));
    }
  }

  @Override
  public void chunk(Work work, long position, int tokens) {
    new ChunkAttention(geometry, caches, work, position, tokens).run();
  }

  @Override
  public long reserveStep(long position) {
    long floats = 0;
    for (int i = 0; i < caches.length; i++) {
      LiveRows rows = geometry.live.get(i);
      // A full cache has room, whatever its heads hold.
      if (caches[i].capacity() < rows.mostRows() && !rows.sharesCache()) {
        long most = geometry.mostUsed(rows, position) + 1;
        caches[i].reserve(Math.min(most, rows.mostRows()), most - 1);
      }
      floats += (rows.held(0, position) + 1) * geometry.hidden;
    }
    return floats;
  }

  /// Takes cached keys over to the reference a chunk at `position` uses.
  @Override
  public void begin(long position) {
    long next = geometry.rotation.reference(position);
    // A smaller one begins a new period: no cached key is ever read again.
    if (next > reference) {
      geometry.rotation.rescaling(reference, next, factors);
      for (int i = 0; i < caches.length; i++) {
        for (int head = geometry.nopeHeads; head < geometry.heads; head++) {
          LiveRows rows = geometry.live.get(i);
          caches[i].scaleKeys(
              geometry.kernels, head, rows.start(position), rows.held(head, position), factors);
        }
      }
    }
    reference = next;
  }

  /// A part is a head. The row goes to its caches, then its query over all cached keys.
  @Override
  public void step(Work work, int row, long position, int head, int worker) {
    Kernels kernels = work.kernels();
    AttentionScratch scratch = work.scratch(geometry.scratch);
    int c = geometry.hidden;
    int d = geometry.headSize;
    MemorySegment rows = work.rows().segment();
    long query = 3L * row * c + (long) head * d;
    long mixed = (long) row * c + (long) head * d;
    long accumulators = 2L * (row * geometry.heads + head);
    NativeFloats maxAndSum = scratch.norms;
    maxAndSum.set(accumulators, Float.NEGATIVE_INFINITY);
    maxAndSum.set(accumulators + 1, 0);
    for (int i = 0; i < caches.length; i++) {
      RowCache cache = caches[i];
      long own = scratch.steps.own(row, i, head);
      if (own >= 0) {
        cache.put(head, own, rows, query + c, query + 2L * c);
      }
      long seen = scratch.steps.seen(row, i, head);
      if (seen > 0) {
        kernels.attend(
            work.rows().address() + 4 * query,
            cache.keyAddress(head, scratch.steps.seenFrom(row, i, head)),
            cache.valueAddress(head, scratch.steps.seenFrom(row, i, head)),
            seen,
            d,
            (float) (1 / Math.sqrt(d)),
            scratch.scores(worker),
            work.mixed().address() + 4 * mixed,
            maxAndSum.address() + 4 * accumulators);
      }
    }
    float sum = maxAndSum.get(accumulators + 1);
    for (int j = 0; j < d; j++) {
      work.mixed().set(mixed + j, sum == 0 ? 0 : work.mixed().get(mixed + j) / sum);
    }
  }

  @Override
  public MixerMemory copy(NativeMemory memory) {
    RowCache[] copies = caches(geometry, i -> caches[i].copy(memory));
    return new AttentionMemory(geometry, memory, copies, reference);
  }

  @Override
  public long bytes() {
    return Arrays.stream(caches).distinct().mapToLong(RowCache::bytes).sum();
  }

  @Override
  public long reference() {
    return reference;
  }

  @Override
  public void write(long position, StateOutput out) throws IOException {
    for (int i = 0; i < caches.length; i++) {
      for (int head = 0; head < geometry.heads; head++) {
        LiveRows rows = geometry.live.get(i);
        caches[i].write(head, rows.start(position), rows.held(head, position), out);
      }
    }
  }

  @Override
  public void read(long position, long reference, StateInput in) throws IOException {
    this.reference = reference;
    for (int i = 0; i < caches.length; i++) {
      LiveRows rows = geometry.live.get(i);
      if (!rows.sharesCache()) {
        caches[i].reserve(geometry.mostUsed(rows, position), 0);
      }
      for (int head = 0; head < geometry.heads; head++) {
        caches[i].read(head, rows.start(position), rows.held(head, position), in);
      }
    }
  }
}
