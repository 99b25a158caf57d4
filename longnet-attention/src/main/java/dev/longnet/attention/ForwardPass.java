// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.FoldRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// One forward call, cut into blocks of query positions of one head. One thread takes a block
/// through all branches, so no two threads write one row of the output. A row's value does not
/// depend on where the blocks begin.
final class ForwardPass {
  private final Engine engine;
  private final AttentionPattern pattern;
  private final AttentionKernel kernel;
  private final int threads;
  private final AttentionTensor q;
  private final AttentionTensor k;
  private final AttentionTensor v;
  private final AttentionTensor out;
  private final MemorySegment lse;
  private final ElementType lseType;
  private final Blocks blocks;

  ForwardPass(Engine engine, Qkv inputs, AttentionOutput output) {
    this(engine, inputs, output.out(), output.lse(), output.out().type().sums());
  }

  /// @param lse [B, H, N]
  /// @param lseType float32 or float64; float64 where further folds follow
  ForwardPass(
      Engine engine, Qkv inputs, AttentionTensor out, MemorySegment lse, ElementType lseType) {
    this.engine = engine;
    this.pattern = engine.pattern();
    this.kernel = engine.kernel();
    this.q = inputs.q();
    this.k = inputs.k();
    this.v = inputs.v();
    this.out = out;
    this.lse = lse;
    this.lseType = lseType;
    this.threads = engine.usefulThreads(q);
    this.blocks = Blocks.forward(pattern, q, threads);
  }

  void run() {
    try (CallMemory memory = engine.memory(threads)) {
      blocks.run(engine, threads, List.of(q, k, v, out), block -> block(block, memory));
    }
  }

  private void block(Blocks.Block block, CallMemory memory) {
    Rows all = block.rows();
    MemorySegment doubles = memory.take(block.most() * Double.BYTES);
    RowScalars norms = RowScalars.contiguousDoubles(doubles, all.count());
    norms.fill(Double.NEGATIVE_INFINITY);
    try (RowBuffer accumulator = new RowBuffer(out, block, memory)) {
      for (int branch = 0; branch < pattern.branches(); branch++) {
        long began = engine.begin();
        branch(branch, block, accumulator, norms);
        engine.end(branch, false, began);
      }
      boolean covered = kernel.round(norms, block.scalars(lse, lseType, all));
      for (long i = 0; !covered && i < all.count(); i++) {
        if (norms.get(i) == Double.NEGATIVE_INFINITY) {
          kernel.clear(accumulator.rows(all.slice(i, i + 1)));
        }
      }
      accumulator.store(kernel);
    }
    memory.give(doubles);
  }

  private void branch(int branch, Blocks.Block block, RowBuffer accumulator, RowScalars norms) {
    AttentionKernel own = engine.kernel(branch);
    long end = pattern.endSegment(branch, block.to(), q.tokens());
    for (long segment = pattern.firstSegment(branch, block.from()); segment < end; segment++) {
      Fold fold = pattern.fold(branch, segment, block.head(), q.heads(), q.tokens());
      Rows queries = fold.queries().within(block.from(), block.to());
      if (queries.isEmpty()) {
        continue;
      }
      Rows keys = fold.keys();
      if (pattern.causal()) {
        keys = keys.slice(0, keys.countUpTo(queries.last()));
      }
      fold(own, block, fold.of(queries, keys), accumulator, norms);
    }
  }

  private void fold(
      AttentionKernel own, Blocks.Block block, Fold fold, RowBuffer accumulator, RowScalars norms) {
    Rows queries = fold.queries();
    if (queries.isEmpty() || fold.keys().isEmpty()) {
      return;
    }
    FoldRows rows = new FoldRows(fold);
    RowScalars sums =
        new RowScalars(
            norms.data(), true, queries.first() - block.from(), queries.stride(), queries.count());
    own.fold(
        rows.queries(block.rows(q, queries)),
        rows.keys(block.rows(k, fold.keys())),
        rows.keys(block.rows(v, fold.keys())),
        pattern.causal(),
        rows.queries(accumulator.rows(queries)),
        rows.scalars(sums));
  }
}
