// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.Products;
import dev.longnet.core.stream.mixer.Block;
import dev.longnet.core.stream.mixer.StreamMixer;
import dev.longnet.core.stream.mixer.Work;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// One token in each of some streams: every weight is read once for all of them, its outputs shared
/// out among the threads; mixing is each stream's own.
final class StepPass {
  /// Remembered floats below which helping threads cost more than they bring.
  private static final long WORTH_SHARING = 1 << 14;

  private final StreamingModel model;
  private final StreamWeights weights;
  private final Work work;
  private final Products products;
  private final int c;
  private final NativeMemory memory;
  private Rows rows;

  /// What a step of `count` streams is computed in.
  ///
  /// @param part of the session's memory, which goes when a step has more streams
  /// @param residual [count, C]
  /// @param logits [count, V]
  private record Rows(
      NativeMemory part,
      int count,
      NativeFloats residual,
      NativeFloats logits,
      StreamLayer.Scratch scratch) {}

  /// @param products shared out among the team
  /// @param memory the session's
  StepPass(StreamingModel model, Work work, Products products, NativeMemory memory) {
    this.model = model;
    this.weights = model.weights();
    this.work = work;
    this.products = products;
    this.memory = memory;
    this.c = model.config().hidden();
    this.rows = rows(0);
  }

  private Rows rows(int count) {
    ModelConfig config = model.config();
    return memory
        .part()
        .build(part ->
            new Rows(
                part,
                count,
                part.floats((long) count * c),
                part.floats((long) count * config.vocabulary()),
                StreamLayer.Scratch.of(part, config, count)));
  }

  private Rows reserve(int count) {
    work.reserve(count);
    if (count > rows.count) {
      Rows more = rows(count);
      rows.part.close();
      rows = more;
    }
    return rows;
  }

  void read(List<StreamState> streams, int[] tokens) {
    int count = tokens.length;
    Rows rows = reserve(count);
    // Floats each layer will read of what its streams remember.
    long[] remembered = new long[weights.layers.size()];
    for (int row = 0; row < count; row++) {
      StreamState state = streams.get(row);
      for (int layer = 0; layer < remembered.length; layer++) {
        remembered[layer] += state.memories.get(layer).reserveStep(state.position);
      }
      for (StreamMixer mixer : model.distinctMixers()) {
        mixer.prepareStep(work, state.position, row);
      }
    }
    long x = rows.residual.address();
    for (int row = 0; row < count; row++) {
      StreamState state = streams.get(row);
      state.beginChunk();
      weights.embedding.row(tokens[row], x + 4L * row * c);
    }
    Block block = new Block(work, products, 0, count);
    for (int layer = 0; layer < remembered.length; layer++) {
      weights.layers.get(layer).begin(block, x, rows.scratch);
      mix(streams, layer, remembered[layer]);
      weights.layers.get(layer).end(block, x, rows.scratch);
    }
    weights.finalNorm.apply(work.kernels(), x, count, x);
    for (int row = 0; row < count; row++) {
      StreamState state = streams.get(row);
      MemorySegment.copy(rows.residual.segment(), 4L * row * c, state.hidden.segment(), 0, 4L * c);
      state.position++;
      state.inChunk = false;
    }
  }

  private void mix(List<StreamState> streams, int layer, long remembered) {
    int parts = weights.layers.get(layer).mixer().parts();
    int tasks = streams.size() * parts;
    for (int row = 0; row < streams.size(); row++) {
      streams.get(row).memories.get(layer).arrive(work, row);
    }
    if (remembered < WORTH_SHARING) {
      for (int task = 0; task < tasks; task++) {
        mix(streams, layer, task / parts, task % parts, 0);
      }
    } else {
      work.team()
          .run(tasks, (task, worker) -> mix(streams, layer, task / parts, task % parts, worker));
    }
  }

  private void mix(List<StreamState> streams, int layer, int row, int part, int worker) {
    StreamState state = streams.get(row);
    state.memories.get(layer).step(work, row, state.position, part, worker);
  }

  /// @param logits `[V]` for each stream, overwritten
  void logits(List<StreamState> streams, float[][] logits) {
    int count = logits.length;
    Rows rows = reserve(count);
    NativeFloats hidden = rows.scratch.narrow();
    for (int row = 0; row < count; row++) {
      MemorySegment.copy(
          streams.get(row).hidden.segment(), 0, hidden.segment(), 4L * row * c, 4L * c);
    }
    products.product(hidden.address(), count, weights.output, rows.logits.address());
    int v = model.config().vocabulary();
    for (int row = 0; row < count; row++) {
      MemorySegment.copy(
          rows.logits.segment(), ValueLayout.JAVA_FLOAT, 4L * row * v, logits[row], 0, v);
    }
  }
}
