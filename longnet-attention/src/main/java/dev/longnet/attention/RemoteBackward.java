// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.FoldGradients;
import dev.longnet.attention.kernel.FoldRows;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Positions;
import dev.longnet.attention.pattern.RemoteFold;
import dev.longnet.attention.pattern.RemoteRows;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.attention.pattern.ShardPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Gradients of the folds to other shards' keys: dQ of the shard's own queries, and dK and dV of
/// the rows that were received, summed over all folds that wanted a row.
///
/// One task takes one head of a sequence through all its folds. Where there are few heads, they are
/// cut into pieces: of queries for dQ, of received rows for dK and dV. The number of pieces depends
/// on the shape alone, so that the bits do not depend on the number of threads.
final class RemoteBackward {
  /// How many tasks there should be at least.
  private static final long WANTED = 8;

  private final Engine engine;
  private final ShardPlan plan;
  private final AttentionKernel kernel;
  private final ElementType scalars;
  private final long first;
  private final AttentionTensor q;
  private final AttentionTensor gradOut;
  private final AttentionOutput output;
  private final AttentionTensor gradQ;
  private final RemoteKeys remote;
  private final RemoteKeys gradients;
  private final MemorySegment delta;
  private final ExchangeLayout layout;
  private final MemorySegment sums;
  private final int pieces;
  private final Blocks blocks;

  /// @param gradQ overwritten, float32 or float64
  /// @param remote K and V of the received rows
  /// @param gradients room for their dK and dV, float32 or float64
  /// @param delta room for [B, H, n] of the same type
  /// @param sums receives dK and dV, one row for each received row
  /// @param layout of `sums`
  RemoteBackward(
      Engine engine,
      ShardPlan plan,
      AttentionTensor q,
      AttentionOutput output,
      AttentionTensor gradOut,
      AttentionTensor gradQ,
      RemoteKeys remote,
      RemoteKeys gradients,
      MemorySegment delta,
      MemorySegment sums,
      ExchangeLayout layout) {
    this.engine = engine;
    this.plan = plan;
    this.kernel = engine.kernel();
    this.scalars = q.type().sums();
    this.first = plan.shards().first(plan.shard());
    this.q = q;
    this.gradOut = gradOut;
    this.output = output;
    this.gradQ = gradQ;
    this.remote = remote;
    this.gradients = gradients;
    this.delta = delta;
    this.sums = sums;
    this.layout = layout;
    long tasks = q.batch() * q.heads();
    this.pieces = tasks >= WANTED ? 1 : Math.toIntExact(Math.ceilDiv(WANTED, tasks));
    this.blocks =
        new Blocks(q.batch(), q.heads(), q.tokens(), Math.ceilDiv(q.tokens(), pieces), false);
  }

  void run(int threads) {
    blocks.run(engine, threads, List.of(), this::prepare);
    engine.run(
        threads,
        q.batch() * q.heads() * pieces,
        task -> {
          int piece = (int) (task % pieces);
          long sequence = task / pieces / q.heads();
          int head = (int) (task / pieces % q.heads());
          head(sequence, head, piece);
        });
  }

  private void prepare(Blocks.Block block) {
    Rows all = block.rows();
    kernel.delta(
        block.rows(gradOut, all),
        block.rows(output.out(), all),
        block.scalars(delta, scalars, all));
    kernel.clear(block.rows(gradQ, all));
  }

  private void head(long sequence, int head, int piece) {
    // The received rows that are this task's, and their positions.
    Positions received = plan.received(head);
    int from = (int) ((long) received.count() * piece / pieces);
    int to = (int) ((long) received.count() * (piece + 1) / pieces);
    long start = from < received.count() ? received.at(from) : Long.MAX_VALUE;
    long end = to < received.count() ? received.at(to) : Long.MAX_VALUE;
    List<RemoteRows> runs = plan.rows(head);
    for (int run = 0; run < runs.size(); run++) {
      Rows keys = runs.get(run).keys().within(start, end);
      if (!keys.isEmpty()) {
        kernel.clear(gradients.keys(sequence, head, run, keys));
        kernel.clear(gradients.values(sequence, head, run, keys));
      }
    }
    long length = blocks.length();
    Blocks.Block block =
        new Blocks.Block(
            blocks,
            sequence,
            head,
            Math.min(q.tokens(), piece * length),
            Math.min(q.tokens(), (piece + 1) * length));
    for (RemoteFold remoteFold : plan.folds(head)) {
      long began = engine.begin();
      AttentionKernel own = engine.kernel(remoteFold.branch());
      Fold fold = remoteFold.fold();
      int run = remoteFold.rows();
      if (pieces == 1) {
        fold(own, block, fold, run, gradQ, gradients);
      } else {
        Rows queries = fold.queries().within(first + block.from(), first + block.to());
        fold(own, block, fold.of(queries, fold.keys()), run, gradQ, null);
        Rows keys = fold.keys().within(start, end);
        fold(own, block, fold.of(fold.queries(), keys), run, null, gradients);
      }
      engine.end(remoteFold.branch(), true, began);
    }
    sum(sequence, head, from, to);
  }

  private void fold(
      AttentionKernel own,
      Blocks.Block block,
      Fold fold,
      int run,
      @Nullable AttentionTensor ofQueries,
      @Nullable RemoteKeys ofKeys) {
    Rows queries = fold.queries();
    Rows keys = fold.keys();
    if (queries.isEmpty() || keys.isEmpty()) {
      return;
    }
    long sequence = block.sequence();
    int head = block.head();
    FoldRows rows = new FoldRows(fold);
    Rows local = RemoteForward.shifted(queries, first);
    own.foldBackward(
        rows.queries(RemoteForward.at(block.rows(q, local), queries)),
        rows.keys(remote.keys(sequence, head, run, keys)),
        rows.keys(remote.values(sequence, head, run, keys)),
        plan.pattern().causal(),
        rows.queries(RemoteForward.at(block.rows(gradOut, local), queries)),
        rows.scalars(block.scalars(output.lse(), scalars, local)),
        rows.scalars(block.scalars(delta, scalars, local)),
        new FoldGradients(
            ofQueries == null
                ? null
                : rows.queries(RemoteForward.at(block.rows(ofQueries, local), queries)),
            ofKeys == null ? null : rows.keys(ofKeys.keys(sequence, head, run, keys)),
            ofKeys == null ? null : rows.keys(ofKeys.values(sequence, head, run, keys))));
  }

  /// Adds the runs' gradients to those of the received rows `[from, to)`, in the order of runs.
  private void sum(long sequence, int head, int from, int to) {
    long size = q.headSize();
    long bytes = size * scalars.bytes();
    int slot = 0;
    RowSums adder = new RowSums(scalars, q.headSize());
    for (int shard = 0; shard < plan.shards().count(); shard++) {
      int count = plan.received(shard, head).count();
      int low = Math.max(from, slot) - slot;
      int high = Math.min(to, slot + count) - slot;
      if (low < high) {
        long keyRow = layout.row(q.batch(), shard, false, sequence, head);
        long valueRow = layout.row(q.batch(), shard, true, sequence, head);
        for (long row : new long[] {keyRow, valueRow}) {
          sums.asSlice((row + low) * bytes, (high - low) * bytes).fill((byte) 0);
        }
        List<RemoteRows> runs = plan.rows(head);
        for (int run = 0; run < runs.size(); run++) {
          RemoteRows rows = runs.get(run);
          long at = gradients.runs().row(sequence, head, run);
          int end = firstAt(rows, slot + high);
          for (int i = firstAt(rows, slot + low); i < end; i++) {
            int index = rows.slot(i) - slot;
            adder.add(gradients.keys(), (at + i) * size, sums, (keyRow + index) * size);
            adder.add(gradients.values(), (at + i) * size, sums, (valueRow + index) * size);
          }
        }
      }
      slot += count;
    }
  }

  /// The first row of a run whose slot is `slot` or later.
  private static int firstAt(RemoteRows rows, int slot) {
    int low = 0;
    int high = (int) rows.keys().count();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (rows.slot(middle) < slot) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
