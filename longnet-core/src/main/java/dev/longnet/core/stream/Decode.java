package dev.longnet.core.stream;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.PackedMatrix;
import dev.longnet.core.stream.kernel.WorkerTeam;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// One token in each of some streams: every weight is read once for all of them, its outputs shared
/// out among the threads; attention goes straight over the cached rows.
final class Decode implements AutoCloseable {
  /// Weights below which helping threads cost more than they bring.
  private static final long WORTH_SHARING = 1 << 16;

  /// The same for cached floats.
  private static final long ROWS_WORTH_SHARING = 1 << 14;

  private final StreamingModel model;
  private final ModelConfig config;
  private final Kernels kernels;
  private final StreamWeights weights;
  private final WorkerTeam team;
  private final int c;
  private final int d;
  private final NativeFloats[] productScratch;
  private final NativeFloats[] scores;
  private Buffers buffers;

  /// Activations of a batch of `rows` streams.
  private static final class Buffers implements AutoCloseable {
    final int rows;
    final NativeFloats residual;
    final NativeFloats narrow;
    final NativeFloats qkv;
    final NativeFloats mixed;
    final NativeFloats wide;
    final NativeFloats logits;
    final NativeFloats maxAndSum;
    final Rotation.Tables tables;

    Buffers(StreamingModel model, int rows) {
      this.rows = rows;
      long c = (long) rows * model.config().hidden();
      residual = new NativeFloats(c);
      narrow = new NativeFloats(c);
      qkv = new NativeFloats(3 * c);
      mixed = new NativeFloats(c);
      wide = new NativeFloats((long) rows * model.config().feedForward());
      logits = new NativeFloats((long) rows * model.config().vocabulary());
      maxAndSum = new NativeFloats(2L * rows * model.config().heads());
      tables = new Rotation.Tables(model.rotation(), rows);
    }

    @Override
    public void close() {
      for (NativeFloats floats : List.of(residual, narrow, qkv, mixed, wide, logits, maxAndSum)) {
        floats.close();
      }
      tables.close();
    }
  }

  Decode(StreamingModel model) {
    this.model = model;
    this.config = model.config();
    this.kernels = model.kernels();
    this.weights = model.weights();
    this.team = model.team();
    this.c = config.hidden();
    this.d = config.headSize();
    this.buffers = new Buffers(model, 1);
    productScratch = new NativeFloats[team.size()];
    scores = new NativeFloats[team.size()];
    for (int i = 0; i < team.size(); i++) {
      productScratch[i] = new NativeFloats(kernels.productScratch());
      scores[i] = new NativeFloats(1024);
    }
  }

  private void reserve(int rows) {
    if (buffers.rows < rows) {
      buffers.close();
      buffers = new Buffers(model, rows);
    }
  }

  void step(List<StreamState> streams, int[] tokens) {
    int rows = tokens.length;
    reserve(rows);
    Buffers b = buffers;
    for (int row = 0; row < rows; row++) {
      StreamState state = streams.get(row);
      model.moveReference(state);
      weights.embedding.row(tokens[row], b.residual.address() + 4L * row * c);
      if (!model.rotation().isNone()) {
        model.rotation().fill(state.position, 0, 1, b.tables, row);
      }
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      StreamWeights.Layer w = weights.layers.get(layer);
      norm(w.attentionNorm(), b.residual, rows, c, b.narrow);
      product(b.narrow, rows, w.qkv(), b.qkv);
      if (!model.rotation().isNone()) {
        kernels.rotate(
            b.qkv.address(),
            3L * c,
            rows,
            config.heads(),
            d,
            b.tables.queryCos.address(),
            b.tables.querySin.address());
        kernels.rotate(
            b.qkv.address() + 4L * c,
            3L * c,
            rows,
            config.heads(),
            d,
            b.tables.keyCos.address(),
            b.tables.keySin.address());
      }
      attend(streams, layer, rows);
      norm(w.innerNorm(), b.mixed, rows, c, b.mixed);
      product(b.mixed, rows, w.out(), b.narrow);
      kernels.add(b.narrow.address(), b.residual.address(), (long) rows * c);
      norm(w.feedForwardNorm(), b.residual, rows, c, b.narrow);
      product(b.narrow, rows, w.fc1(), b.wide);
      kernels.gelu(b.wide.address(), (long) rows * config.feedForward());
      norm(w.middleNorm(), b.wide, rows, config.feedForward(), b.wide);
      product(b.wide, rows, w.fc2(), b.narrow);
      kernels.add(b.narrow.address(), b.residual.address(), (long) rows * c);
    }
    norm(weights.finalNorm, b.residual, rows, c, b.residual);
    for (int row = 0; row < rows; row++) {
      StreamState state = streams.get(row);
      MemorySegment.copy(b.residual.segment(), 4L * row * c, state.hidden.segment(), 0, 4L * c);
      state.position++;
    }
  }

  void logits(List<StreamState> streams, float[][] logits) {
    int rows = logits.length;
    reserve(rows);
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          streams.get(row).hidden.segment(), 0, buffers.narrow.segment(), 4L * row * c, 4L * c);
    }
    product(buffers.narrow, rows, weights.output, buffers.logits);
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          buffers.logits.segment(),
          ValueLayout.JAVA_FLOAT,
          4L * row * config.vocabulary(),
          logits[row],
          0,
          config.vocabulary());
    }
  }

  private void norm(StreamWeights.Norm norm, NativeFloats x, int rows, int width, NativeFloats y) {
    kernels.layerNorm(
        x.address(),
        width,
        rows,
        width,
        norm.gain().address(),
        norm.bias().address(),
        y.address(),
        width);
  }

  private void product(NativeFloats x, int rows, PackedMatrix w, NativeFloats y) {
    int parts = (long) w.out() * w.in() < WORTH_SHARING ? 1 : Math.min(team.size(), w.panels());
    team.run(
        parts,
        (part, worker) ->
            kernels.product(
                x.address(),
                w.in(),
                rows,
                w,
                part * w.panels() / parts,
                (part + 1) * w.panels() / parts,
                y.address(),
                w.out(),
                productScratch[worker].address()));
  }

  /// Appends the new rows to their caches and attends, head by head.
  private void attend(List<StreamState> streams, int layer, int rows) {
    int heads = config.heads();
    long work = 0;
    for (int row = 0; row < rows; row++) {
      StreamState state = streams.get(row);
      for (int i = 0; i < state.caches[layer].length; i++) {
        Holding holding = model.holdings().get(i);
        long most = 0;
        for (int head = 0; head < heads; head++) {
          most = Math.max(most, holding.held(head, state.position) + 1);
        }
        state.caches[layer][i].reserve(Math.min(most, holding.mostRows()), most - 1);
        work += most * heads * d;
      }
    }
    int tasks = rows * heads;
    if (work < ROWS_WORTH_SHARING) {
      for (int task = 0; task < tasks; task++) {
        attend(streams.get(task / heads), layer, task / heads, task % heads, 0);
      }
    } else {
      team.run(
          tasks,
          (task, worker) ->
              attend(streams.get(task / heads), layer, task / heads, task % heads, worker));
    }
  }

  private void attend(StreamState state, int layer, int row, int head, int worker) {
    long query = 3L * row * c + (long) head * d;
    long out = buffers.mixed.address() + 4 * ((long) row * c + (long) head * d);
    long accumulators = 2L * (row * config.heads() + head);
    buffers.maxAndSum.set(accumulators, Float.NEGATIVE_INFINITY);
    buffers.maxAndSum.set(accumulators + 1, 0);
    for (int i = 0; i < state.caches[layer].length; i++) {
      RowCache cache = state.caches[layer][i];
      long seen =
          switch (model.holdings().get(i)) {
            case Holding.LiveSegment live -> {
              long start = live.start(state.position);
              if (live.kept(head, start, state.position, state.position + 1).isEmpty()) {
                yield 0;
              }
              long held = live.kept(head, start, start, state.position).count();
              cache.put(head, held, buffers.qkv.segment(), query + c, query + 2L * c);
              yield held + 1;
            }
            case Holding.Columns columns -> {
              long held = columns.held(head, state.position);
              if (columns.held(head, state.position + 1) > held) {
                cache.put(head, held, buffers.qkv.segment(), query + c, query + 2L * c);
              }
              yield state.position / columns.block() * columns.columns();
            }
          };
      if (seen > 0) {
        kernels.attend(
            buffers.qkv.address() + 4 * query,
            cache.keyAddress(head, 0),
            cache.valueAddress(head, 0),
            seen,
            d,
            (float) (1 / Math.sqrt(d)),
            scores(worker, seen),
            out,
            buffers.maxAndSum.address() + 4 * accumulators);
      }
    }
    float sum = buffers.maxAndSum.get(accumulators + 1);
    for (int j = 0; j < d; j++) {
      long at = (long) row * c + (long) head * d + j;
      buffers.mixed.set(at, sum == 0 ? 0 : buffers.mixed.get(at) / sum);
    }
  }

  private long scores(int worker, long count) {
    if (scores[worker].bytes() < 4 * count) {
      scores[worker].close();
      scores[worker] = new NativeFloats(2 * count);
    }
    return scores[worker].address();
  }

  @Override
  public void close() {
    buffers.close();
    for (int i = 0; i < team.size(); i++) {
      productScratch[i].close();
      scores[i].close();
    }
  }
}
