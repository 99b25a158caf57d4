// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.FoldGradients;
import dev.longnet.attention.kernel.FoldRows;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

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

  /// Whether dQ is added to what `gradQ` holds.
  private final boolean addQueries;

  /// Of LSE and delta.
  private final ElementType scalars;

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
    this(engine, inputs, output, gradOut, gradients, mode, false);
  }

  /// @param addQueries whether dQ is added to what its tensor holds, which is then no bfloat16
  BackwardPass(
      Engine engine,
      Qkv inputs,
      AttentionOutput output,
      AttentionTensor gradOut,
      Qkv gradients,
      GradientMode mode,
      boolean addQueries) {
    this.addQueries = addQueries;
    this.scalars = inputs.q().type().sums();
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
    try (CallMemory memory = engine.memory(threads)) {
      MemorySegment[] delta = new MemorySegment[deltas];
      for (int i = 0; i < deltas; i++) {
        delta[i] = memory.take(Math.multiplyExact(values, (long) scalars.bytes()));
      }
      run(delta, memory);
      for (MemorySegment one : delta) {
        memory.give(one);
      }
    }
  }

  private void run(MemorySegment[] delta, CallMemory memory) {
    if (mode == GradientMode.EXACT && closed) {
      blocks.run(
          engine,
          threads,
          List.of(q, k, v, gradOut, out, gradQ, gradK, gradV),
          block -> {
            jointDelta(block, delta[0]);
            block(block, delta, memory);
          });
      return;
    }
    switch (mode) {
      case EXACT ->
          blocks.run(engine, threads, List.of(gradOut, out), block -> jointDelta(block, delta[0]));
      case DETACHED_WEIGHTS ->
          engine.run(
              threads,
              blocks.count() * delta.length,
              task -> {
                int branch = (int) (task % delta.length);
                branchDelta(branch, blocks.block(task / delta.length), delta[branch]);
              });
    }
    blocks.run(
        engine,
        threads,
        List.of(q, k, v, gradOut, gradQ, gradK, gradV),
        block -> block(block, delta, memory));
  }

  private void jointDelta(Blocks.Block block, MemorySegment delta) {
    Rows rows = block.rows();
    kernel.delta(
        block.rows(gradOut, rows), block.rows(out, rows), block.scalars(delta, scalars, rows));
  }

  /// delta_i = sum_d dO o_i with the branch's own output o_i. The exact delta becomes this when
  /// alpha_i is held constant.
  private void branchDelta(int branch, Blocks.Block block, MemorySegment delta) {
    long began = engine.begin();
    int headSize = q.headSize();
    AttentionKernel own = engine.kernel(branch);
    long end = pattern.endSegment(branch, block.to(), q.tokens());
    for (long segment = pattern.firstSegment(branch, block.from()); segment < end; segment++) {
      Fold fold = pattern.fold(branch, segment, block.head(), q.heads(), q.tokens());
      Rows rows = fold.queries().within(block.from(), block.to());
      for (long from = 0; from < rows.count(); from += 1024) {
        Rows some = rows.slice(from, Math.min(rows.count(), from + 1024));
        Fold part = fold.of(some, visible(fold.keys(), some));
        Rows queries = part.queries();
        Rows keys = part.keys();
        if (queries.isEmpty()) {
          continue;
        }
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment memory = arena.allocate(queries.count() * scalars.bytes() * headSize, 64);
          HeadRows out = new HeadRows(memory, scalars, 0, headSize, headSize, queries);
          RowScalars norms =
              new RowScalars(
                  arena.allocate(queries.count() * scalars.bytes(), 64),
                  scalars == ElementType.FLOAT64,
                  0,
                  1,
                  queries.count());
          norms.fill(Double.NEGATIVE_INFINITY);
          FoldRows fitted = new FoldRows(part);
          own.fold(
              fitted.queries(block.rows(q, queries)),
              fitted.keys(block.rows(k, keys)),
              fitted.keys(block.rows(v, keys)),
              pattern.causal(),
              fitted.queries(out),
              fitted.scalars(norms));
          kernel.delta(block.rows(gradOut, queries), out, block.scalars(delta, scalars, queries));
        }
      }
    }
    engine.end(branch, true, began);
  }

  private void block(Blocks.Block block, MemorySegment[] delta, CallMemory memory) {
    try (RowBuffer dq = new RowBuffer(gradQ, block, memory);
        RowBuffer dk = new RowBuffer(gradK, block, memory);
        RowBuffer dv = new RowBuffer(gradV, block, memory)) {
      boolean covered = !addQueries && closed && pattern.branches() > 0 && covers(0, block);
      if (!addQueries && !covered) {
        kernel.clear(dq.rows(block.rows()));
      }
      if (!covered) {
        kernel.clear(dk.rows(block.rows()));
        kernel.clear(dv.rows(block.rows()));
      }
      for (int branch = 0; branch < pattern.branches(); branch++) {
        long began = engine.begin();
        AttentionKernel own = engine.kernel(branch);
        MemorySegment branchDelta = delta[Math.min(branch, delta.length - 1)];
        long end = pattern.endSegment(branch, block.to(), q.tokens());
        for (long segment = pattern.firstSegment(branch, block.from()); segment < end; segment++) {
          Fold fold = pattern.fold(branch, segment, block.head(), q.heads(), q.tokens());
          fold(own, fold, block, branchDelta, dq, dk, dv, covered && branch == 0);
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
      AttentionKernel own,
      Fold fold,
      Blocks.Block block,
      MemorySegment delta,
      RowBuffer dq,
      RowBuffer dk,
      RowBuffer dv,
      boolean first) {
    Rows queries = fold.queries().within(block.from(), block.to());
    Rows keys = fold.keys().within(block.from(), block.to());
    Targets both = new Targets(dq, dk, dv, first);
    if (!queries.isEmpty()) {
      Targets ofQueries = new Targets(dq, null, null, false);
      add(own, block, fold.of(queries, fold.keys().within(0, block.from())), delta, ofQueries);
      add(own, block, fold.of(queries, keys), delta, both);
      Rows after = fold.keys().within(block.to(), Long.MAX_VALUE);
      add(own, block, fold.of(queries, after), delta, ofQueries);
    }
    if (!keys.isEmpty()) {
      Targets ofKeys = new Targets(null, dk, dv, false);
      add(own, block, fold.of(fold.queries().within(0, block.from()), keys), delta, ofKeys);
      Rows after = fold.queries().within(block.to(), Long.MAX_VALUE);
      add(own, block, fold.of(after, keys), delta, ofKeys);
    }
  }

  /// The block's gradients that a fold adds to, or, the first one, writes.
  private record Targets(
      @Nullable RowBuffer dq, @Nullable RowBuffer dk, @Nullable RowBuffer dv, boolean first) {

    FoldGradients of(FoldRows rows) {
      return new FoldGradients(
          dq == null ? null : rows.queries(dq.rows(rows.fold().queries())),
          dk == null ? null : rows.keys(dk.rows(rows.fold().keys())),
          dv == null ? null : rows.keys(dv.rows(rows.fold().keys())),
          first);
    }
  }

  private void add(
      AttentionKernel own, Blocks.Block block, Fold fold, MemorySegment delta, Targets gradients) {
    Rows queries = fold.queries();
    Rows keys = fold.keys();
    if (queries.isEmpty() || keys.isEmpty() || pattern.causal() && queries.last() < keys.first()) {
      return;
    }
    FoldRows rows = new FoldRows(fold);
    own.foldBackward(
        rows.queries(block.rows(q, queries)),
        rows.keys(block.rows(k, keys)),
        rows.keys(block.rows(v, keys)),
        pattern.causal(),
        rows.queries(block.rows(gradOut, queries)),
        rows.scalars(block.scalars(lse, scalars, queries)),
        rows.scalars(block.scalars(delta, scalars, queries)),
        gradients.of(rows));
  }

  private Rows visible(Rows keys, Rows queries) {
    return pattern.causal() ? keys.slice(0, keys.countUpTo(queries.last())) : keys;
  }
}
