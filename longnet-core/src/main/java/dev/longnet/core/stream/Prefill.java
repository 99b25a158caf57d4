package dev.longnet.core.stream;

import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.WorkerTeam;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Many tokens of one stream at once. Between two attentions everything acts on rows alone, so one
/// task carries a block of rows, small enough for its core's cache, from one attention to the next:
/// output projection, feed-forward, the next layer's query, key and value projections.
final class Prefill implements AutoCloseable {
  /// Floats of feed-forward activations in one block of rows: half a megabyte.
  private static final int BLOCK_FLOATS = 1 << 17;

  /// Logits of a block of rows exist for this many tokens of the vocabulary at a time.
  private static final int VOCABULARY_PIECE = 1024;

  private final StreamingModel model;
  private final ModelConfig config;
  private final Kernels kernels;
  private final StreamWeights weights;
  private final WorkerTeam team;
  private final int blockRows;
  private final int c;
  private final List<NativeFloats> owned = new ArrayList<>();
  private final NativeFloats residual;
  private final NativeFloats qkv;
  private final NativeFloats mixed;
  private final NativeFloats lse;
  private final Rotation.Tables tables;
  private final Scratch[] scratch;
  private final ChunkAttention attention;

  /// One worker's memory for a block of rows.
  private record Scratch(
      NativeFloats narrow, NativeFloats wide, NativeFloats product, NativeFloats logits) {}

  Prefill(StreamingModel model) {
    this.model = model;
    this.config = model.config();
    this.kernels = model.kernels();
    this.weights = model.weights();
    this.team = model.team();
    this.c = config.hidden();
    int tokens = model.options().chunkTokens();
    this.blockRows = Math.clamp(BLOCK_FLOATS / config.feedForward() / 6 * 6, 24, 384);
    residual = floats((long) tokens * c);
    qkv = floats(3L * tokens * c);
    mixed = floats((long) tokens * c);
    lse = floats((long) tokens * config.heads());
    tables = new Rotation.Tables(model.rotation(), tokens);
    scratch = new Scratch[team.size()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] =
          new Scratch(
              floats((long) blockRows * c),
              floats((long) blockRows * Math.max(config.feedForward(), c)),
              floats(kernels.productScratch()),
              floats((long) blockRows * (VOCABULARY_PIECE + kernels.panelWidth())));
    }
    attention = new ChunkAttention(model, qkv.segment(), mixed.segment(), lse.segment());
  }

  private NativeFloats floats(long count) {
    NativeFloats floats = new NativeFloats(count);
    owned.add(floats);
    return floats;
  }

  /// Reads `tokens[from … from + n)`.
  ///
  /// @param losses where given, `losses[at + i]` gets token i's
  /// @param logits where given, row `at + i` gets the scores of what follows token i
  void chunk(
      StreamState state,
      int[] tokens,
      int from,
      int n,
      float[] losses,
      int at,
      MemorySegment logits) {
    model.moveReference(state);
    if (losses != null) {
      losses[at] = state.position == 0 ? Float.NaN : loss(state.hidden, tokens[from]);
    }
    int blocks = Math.ceilDiv(n, blockRows);
    long position = state.position;
    attention.reserve(state, n);
    for (int layer = 0; layer < config.layers(); layer++) {
      int number = layer;
      team.run(
          blocks,
          (block, worker) -> {
            int first = block * blockRows;
            int last = Math.min(n, first + blockRows);
            if (number == 0) {
              embed(tokens, from, first, last);
              if (!model.rotation().isNone()) {
                model.rotation().fill(position, first, last, tables, 0);
              }
            } else {
              finishLayer(weights.layers.get(number - 1), first, last, scratch[worker]);
            }
            project(weights.layers.get(number), first, last, scratch[worker]);
          });
      attention.run(state, layer, n);
    }
    team.run(
        blocks,
        (block, worker) -> {
          int first = block * blockRows;
          int last = Math.min(n, first + blockRows);
          finishLayer(weights.layers.getLast(), first, last, scratch[worker]);
          long rows = residual.address() + 4L * first * c;
          norm(weights.finalNorm, rows, last - first, c, rows);
          if (losses != null) {
            losses(tokens, from, first, Math.min(last, n - 1), losses, at, scratch[worker]);
          }
          if (logits != null) {
            logits(first, last, logits, at, scratch[worker]);
          }
        });
    MemorySegment.copy(residual.segment(), 4L * (n - 1) * c, state.hidden.segment(), 0, 4L * c);
    state.position += n;
  }

  private void embed(int[] tokens, int from, int first, int last) {
    for (int row = first; row < last; row++) {
      weights.embedding.row(tokens[from + row], residual.address() + 4L * row * c);
    }
  }

  private void norm(StreamWeights.Norm norm, long x, int rows, int width, long y) {
    kernels.layerNorm(
        x, width, rows, width, norm.gain().address(), norm.bias().address(), y, width);
  }

  /// Residual to rotated queries and keys, and values.
  private void project(StreamWeights.Layer layer, int first, int last, Scratch s) {
    int rows = last - first;
    long to = qkv.address() + 12L * first * c;
    norm(layer.attentionNorm(), residual.address() + 4L * first * c, rows, c, s.narrow.address());
    kernels.product(
        s.narrow.address(),
        c,
        rows,
        layer.qkv(),
        0,
        layer.qkv().panels(),
        to,
        3L * c,
        s.product.address());
    if (!model.rotation().isNone()) {
      long table = 4L * first * config.headSize();
      kernels.rotate(
          to,
          3L * c,
          rows,
          config.heads(),
          config.headSize(),
          tables.queryCos.address() + table,
          tables.querySin.address() + table);
      kernels.rotate(
          to + 4L * c,
          3L * c,
          rows,
          config.heads(),
          config.headSize(),
          tables.keyCos.address() + table,
          tables.keySin.address() + table);
    }
    mixed.segment().asSlice(4L * first * c, 4L * rows * c).fill((byte) 0);
    for (int head = 0; head < config.heads(); head++) {
      RowScalars norms = attention.norms(head, first, last);
      for (int row = 0; row < rows; row++) {
        norms.set(row, Float.NEGATIVE_INFINITY);
      }
    }
  }

  /// Attention's output to the layer's.
  private void finishLayer(StreamWeights.Layer layer, int first, int last, Scratch s) {
    int rows = last - first;
    int f = config.feedForward();
    long x = residual.address() + 4L * first * c;
    long heads = mixed.address() + 4L * first * c;
    long narrow = s.narrow.address();
    long wide = s.wide.address();
    norm(layer.innerNorm(), heads, rows, c, heads);
    kernels.product(
        heads, c, rows, layer.out(), 0, layer.out().panels(), narrow, c, s.product.address());
    kernels.add(narrow, x, (long) rows * c);
    norm(layer.feedForwardNorm(), x, rows, c, narrow);
    kernels.product(
        narrow, c, rows, layer.fc1(), 0, layer.fc1().panels(), wide, f, s.product.address());
    kernels.gelu(wide, (long) rows * f);
    norm(layer.middleNorm(), wide, rows, f, wide);
    kernels.product(
        wide, f, rows, layer.fc2(), 0, layer.fc2().panels(), narrow, c, s.product.address());
    kernels.add(narrow, x, (long) rows * c);
  }

  /// Scores token i + 1 from row i of the normalised residual.
  private void losses(
      int[] tokens, int from, int first, int last, float[] losses, int at, Scratch s) {
    int rows = last - first;
    if (rows <= 0) {
      return;
    }
    double[] sums = new double[rows];
    double[] largest = new double[rows];
    float[] chosen = new float[rows];
    java.util.Arrays.fill(largest, Double.NEGATIVE_INFINITY);
    int width = kernels.panelWidth();
    int panelsAtOnce = Math.max(1, VOCABULARY_PIECE / width);
    int stride = panelsAtOnce * width;
    for (int panel = 0; panel < weights.output.panels(); panel += panelsAtOnce) {
      int end = Math.min(weights.output.panels(), panel + panelsAtOnce);
      int start = panel * width;
      int count = Math.min(config.vocabulary() - start, stride);
      // The product addresses output 0, which lies before the piece.
      long y = s.logits.address() - 4L * start;
      kernels.product(
          residual.address() + 4L * first * c,
          c,
          rows,
          weights.output,
          panel,
          end,
          y,
          stride,
          s.product.address());
      for (int row = 0; row < rows; row++) {
        double piece = kernels.logSumExp(s.logits.address() + 4L * row * stride, count);
        double m = Math.max(largest[row], piece);
        sums[row] = sums[row] * Math.exp(largest[row] - m) + Math.exp(piece - m);
        largest[row] = m;
        int target = tokens[from + first + row + 1] - start;
        if (target >= 0 && target < count) {
          chosen[row] = s.logits.get((long) row * stride + target);
        }
      }
    }
    for (int row = 0; row < rows; row++) {
      losses[at + first + row + 1] = (float) (largest[row] + Math.log(sums[row]) - chosen[row]);
    }
  }

  /// Scores one token from a normalised hidden row; the residual is free between chunks.
  private float loss(NativeFloats hidden, int token) {
    MemorySegment.copy(hidden.segment(), 0, residual.segment(), 0, 4L * c);
    float[] loss = new float[2];
    losses(new int[] {0, token}, 0, 0, 1, loss, 0, scratch[0]);
    return loss[1];
  }

  private void logits(int first, int last, MemorySegment logits, int at, Scratch s) {
    int v = config.vocabulary();
    int width = kernels.panelWidth();
    int panelsAtOnce = Math.max(1, VOCABULARY_PIECE / width);
    int stride = panelsAtOnce * width;
    for (int panel = 0; panel < weights.output.panels(); panel += panelsAtOnce) {
      int end = Math.min(weights.output.panels(), panel + panelsAtOnce);
      int start = panel * width;
      int count = Math.min(v - start, stride);
      kernels.product(
          residual.address() + 4L * first * c,
          c,
          last - first,
          weights.output,
          panel,
          end,
          s.logits.address() - 4L * start,
          stride,
          s.product.address());
      for (int row = first; row < last; row++) {
        MemorySegment.copy(
            s.logits.segment(),
            ValueLayout.JAVA_FLOAT,
            4L * (row - first) * stride,
            logits,
            ValueLayout.JAVA_FLOAT_UNALIGNED,
            4 * ((long) (at + row) * v + start),
            count);
      }
    }
  }

  @Override
  public void close() {
    owned.forEach(NativeFloats::close);
    tables.close();
  }
}
