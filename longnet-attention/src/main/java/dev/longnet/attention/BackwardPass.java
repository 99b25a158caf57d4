// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.FoldGradients;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// One backward call, cut into blocks of positions of one head. One task computes all gradients of
/// its block's rows, through all branches. So no two threads write one row, and every gradient is
/// rounded once.
///
/// A fold inside a block gives its three gradients in one pass. A fold that reaches into other
/// blocks is visited from each: its queries' block computes dQ, its keys' block dK and dV. Where no
/// fold reaches beyond its block, the block's task computes delta too.
final class BackwardPass {
  private final Engine engine;
  private final AttentionPattern pattern;
  private final AttentionKernel kernel;
  private final int threads;
  private final AttentionTensor q;
  private final AttentionTensor k;
  private final AttentionTensor v;
  private final AttentionTensor out;
  private final MemorySegment lse;
  private final AttentionTensor gradOut;
  private final AttentionTensor gradQ;
  private final AttentionTensor gradK;
  private final AttentionTensor gradV;
  private final GradientMode mode;
  private final Blocks blocks;

  /// Whether no fold reaches from one block into another.
  private final boolean closed;

  BackwardPass(
      Engine engine,
      Qkv inputs,
      AttentionOutput output,
      AttentionTensor gradOut,
      Qkv gradients,
      GradientMode mode) {
    this.engine = engine;
    this.pattern = engine.pattern();
    this.kernel = engine.kernel();
    this.q = inputs.q();
    this.k = inputs.k();
    this.v = inputs.v();
    this.out = output.out();
    this.lse = output.lse();
    this.gradOut = gradOut;
    this.gradQ = gradients.q();
    this.gradK = gradients.k();
    this.gradV = gradients.v();
    this.mode = mode;
    this.threads = engine.usefulThreads(q);
    this.blocks = Blocks.backward(pattern, q);
    this.closed = blocks.closed(pattern);
  }

  void run() {
    long values = q.batch() * q.heads() * q.tokens();
    if (values == 0) {
      return;
    }
    int deltas =
        switch (mode) {
          case EXACT -> 1;
          case DETACHED_WEIGHTS -> pattern.branches();
        };
    try (Arena arena = threads == 1 ? Arena.ofConfined() : Arena.ofShared();
        RowBuffer.Pool pool = new RowBuffer.Pool(blocks, 4L * q.headSize(), threads)) {
      MemorySegment[] delta = new MemorySegment[deltas];
      for (int i = 0; i < deltas; i++) {
        delta[i] = arena.allocate(Math.multiplyExact(values, 4L), 64);
      }
      if (mode == GradientMode.EXACT && closed) {
        blocks.run(
            engine,
            threads,
            List.of(q, k, v, gradOut, out, gradQ, gradK, gradV),
            block -> {
              jointDelta(block, delta[0]);
              block(block, delta, pool);
            });
        return;
      }
      switch (mode) {
        case EXACT ->
            blocks.run(
                engine, threads, List.of(gradOut, out), block -> jointDelta(block, delta[0]));
        case DETACHED_WEIGHTS ->
            engine.run(
                threads,
                blocks.count() * deltas,
                task ->
                    branchDelta(
                        (int) (task % deltas),
                        blocks.block(task / deltas),
                        delta[(int) (task % deltas)]));
      }
      blocks.run(
          engine,
          threads,
          List.of(q, k, v, gradOut, gradQ, gradK, gradV),
          block -> block(block, delta, pool));
    }
  }

  private void jointDelta(Blocks.Block block, MemorySegment delta) {
    Rows rows = block.rows();
    kernel.delta(block.rows(gradOut, rows), block.rows(out, rows), block.scalars(delta, rows));
  }

  /// delta_i = sum_d dO o_i with the branch's own output o_i. The exact delta becomes this when
  /// alpha_i is held constant.
  private void branchDelta(int branch, Blocks.Block block, MemorySegment delta) {
    long began = engine.begin();
    int headSize = q.headSize();
    long end = pattern.endSegment(branch, block.to(), q.tokens());
    for (long segment = pattern.firstSegment(branch, block.from()); segment < end; segment++) {
      Fold fold = pattern.fold(branch, segment, block.head(), q.heads(), q.tokens());
      Rows rows = fold.queries().within(block.from(), block.to());
      for (long from = 0; from < rows.count(); from += 1024) {
        Rows queries = rows.slice(from, Math.min(rows.count(), from + 1024));
        Rows keys = visible(fold.keys(), queries);
        try (Arena arena = Arena.ofConfined()) {
          HeadRows own =
              HeadRows.contiguous(
                  arena.allocate(queries.count() * 4 * headSize, 64), headSize, queries);
          RowScalars norms =
              RowScalars.contiguous(arena.allocate(queries.count() * 4, 64), queries.count());
          norms.fill(Double.NEGATIVE_INFINITY);
          kernel.fold(
              block.rows(q, queries),
              block.rows(k, keys),
              block.rows(v, keys),
              pattern.causal(),
              own,
              norms);
          kernel.delta(block.rows(gradOut, queries), own, block.scalars(delta, queries));
        }
      }
    }
    engine.end(branch, true, began);
  }

  private void block(Blocks.Block block, MemorySegment[] delta, RowBuffer.Pool pool) {
    try (RowBuffer dq = new RowBuffer(gradQ, block, pool);
        RowBuffer dk = new RowBuffer(gradK, block, pool);
        RowBuffer dv = new RowBuffer(gradV, block, pool)) {
      boolean covered = closed && pattern.branches() > 0 && covers(0, block);
      if (!covered) {
        kernel.clear(dq.rows(block.rows()));
        kernel.clear(dk.rows(block.rows()));
        kernel.clear(dv.rows(block.rows()));
      }
      for (int branch = 0; branch < pattern.branches(); branch++) {
        long began = engine.begin();
        MemorySegment branchDelta = delta[Math.min(branch, delta.length - 1)];
        long end = pattern.endSegment(branch, block.to(), q.tokens());
        for (long segment = pattern.firstSegment(branch, block.from()); segment < end; segment++) {
          Fold fold = pattern.fold(branch, segment, block.head(), q.heads(), q.tokens());
          fold(fold, block, branchDelta, dq, dk, dv, covered && branch == 0);
        }
        engine.end(branch, true, began);
      }
      dq.store(kernel);
      dk.store(kernel);
      dv.store(kernel);
    }
  }

  /// Whether the branch's folds hold every row of a block once, each as a query and as a key of one
  /// fold.
  private boolean covers(int branch, Blocks.Block block) {
    long next = block.from();
    long end = pattern.endSegment(branch, block.to(), q.tokens());
    for (long segment = pattern.firstSegment(branch, block.from()); segment < end; segment++) {
      Fold fold = pattern.fold(branch, segment, block.head(), q.heads(), q.tokens());
      Rows rows = fold.queries();
      if (!rows.equals(fold.keys())
          || rows.isEmpty()
          || rows.first() != next
          || rows.last() != next + rows.count() - 1) {
        return false;
      }
      next += rows.count();
    }
    return next == block.to();
  }

  /// @param first whether no gradient of these rows has been computed before
  private void fold(
      Fold fold,
      Blocks.Block block,
      MemorySegment delta,
      RowBuffer dq,
      RowBuffer dk,
      RowBuffer dv,
      boolean first) {
    Rows queries = fold.queries().within(block.from(), block.to());
    Rows keys = fold.keys().within(block.from(), block.to());
    if (!queries.isEmpty()) {
      Rows before = fold.keys().within(0, block.from());
      Rows after = fold.keys().within(block.to(), Long.MAX_VALUE);
      add(block, queries, before, delta, new FoldGradients(dq.rows(queries), null, null));
      if (!keys.isEmpty()) {
        add(
            block,
            queries,
            keys,
            delta,
            new FoldGradients(dq.rows(queries), dk.rows(keys), dv.rows(keys), first));
      }
      add(block, queries, after, delta, new FoldGradients(dq.rows(queries), null, null));
    }
    if (!keys.isEmpty()) {
      FoldGradients gradients = new FoldGradients(null, dk.rows(keys), dv.rows(keys));
      add(block, fold.queries().within(0, block.from()), keys, delta, gradients);
      add(block, fold.queries().within(block.to(), Long.MAX_VALUE), keys, delta, gradients);
    }
  }

  private void add(
      Blocks.Block block, Rows queries, Rows keys, MemorySegment delta, FoldGradients gradients) {
    if (queries.isEmpty() || keys.isEmpty() || pattern.causal() && queries.last() < keys.first()) {
      return;
    }
    kernel.foldBackward(
        block.rows(q, queries),
        block.rows(k, keys),
        block.rows(v, keys),
        pattern.causal(),
        block.rows(gradOut, queries),
        block.scalars(lse, queries),
        block.scalars(delta, queries),
        gradients);
  }

  private Rows visible(Rows keys, Rows queries) {
    return pattern.causal() ? keys.slice(0, keys.countUpTo(queries.last())) : keys;
  }
}
