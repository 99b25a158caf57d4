// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.FoldRows;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.RemoteFold;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.attention.pattern.ShardPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Folds the keys of other shards into accumulators that hold the shard's own keys already, and
/// rounds these into the output. One task takes a block of one head's queries through all folds. A
/// row's value does not depend on where the blocks begin.
final class RemoteForward {
  private static final long SHORTEST = 2048;

  private final Engine engine;
  private final ShardPlan plan;
  private final AttentionKernel kernel;
  private final long first;
  private final AttentionTensor q;
  private final RemoteKeys remote;
  private final AttentionTensor sums;
  private final MemorySegment norms;
  private final AttentionOutput output;

  /// @param sums the accumulators O, float32 or float64; may be the output itself
  /// @param norms LSE so far, float64 [B, H, n]
  RemoteForward(
      Engine engine,
      ShardPlan plan,
      AttentionTensor q,
      RemoteKeys remote,
      AttentionTensor sums,
      MemorySegment norms,
      AttentionOutput output) {
    this.engine = engine;
    this.plan = plan;
    this.kernel = engine.kernel();
    this.first = plan.shards().first(plan.shard());
    this.q = q;
    this.remote = remote;
    this.sums = sums;
    this.norms = norms;
    this.output = output;
  }

  void run(int threads) {
    long pieces = threads == 1 ? 1 : Math.ceilDiv(8L * threads, q.batch() * q.heads());
    long length = Math.max(SHORTEST, Math.ceilDiv(q.tokens(), pieces));
    new Blocks(q.batch(), q.heads(), q.tokens(), length, false)
        .run(engine, threads, List.of(), this::block);
  }

  private void block(Blocks.Block block) {
    for (RemoteFold fold : plan.folds(block.head())) {
      long began = engine.begin();
      Rows queries = fold.fold().queries().within(first + block.from(), first + block.to());
      AttentionKernel own = engine.kernel(fold.branch());
      fold(own, block, fold.fold().of(queries, fold.fold().keys()), fold.rows());
      engine.end(fold.branch(), false, began);
    }
    Rows all = block.rows();
    kernel.round(
        block.scalars(norms, ElementType.FLOAT64, all),
        block.scalars(output.lse(), output.out().type().sums(), all));
    if (sums != output.out()) {
      kernel.copy(block.rows(sums, all), block.rows(output.out(), all));
    }
  }

  private void fold(AttentionKernel own, Blocks.Block block, Fold fold, int run) {
    if (fold.queries().isEmpty() || fold.keys().isEmpty()) {
      return;
    }
    FoldRows rows = new FoldRows(fold);
    Rows local = shifted(fold.queries(), first);
    own.fold(
        rows.queries(at(block.rows(q, local), fold.queries())),
        rows.keys(remote.keys(block.sequence(), block.head(), run, fold.keys())),
        rows.keys(remote.values(block.sequence(), block.head(), run, fold.keys())),
        plan.pattern().causal(),
        rows.queries(at(block.rows(sums, local), fold.queries())),
        rows.scalars(block.scalars(norms, ElementType.FLOAT64, local)));
  }

  /// The positions of the sequence as positions of the shard that begins at `first`.
  static Rows shifted(Rows rows, long first) {
    return new Rows(rows.first() - first, rows.stride(), rows.count());
  }

  /// The same rows at the positions they have in the sequence.
  static HeadRows at(HeadRows rows, Rows positions) {
    return new HeadRows(
        rows.data(), rows.type(), rows.offset(), rows.stride(), rows.headSize(), positions);
  }
}
