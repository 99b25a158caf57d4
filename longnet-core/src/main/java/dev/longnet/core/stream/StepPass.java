// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.Products;
import dev.longnet.core.stream.mixer.Block;
import dev.longnet.core.stream.mixer.StreamMixer;
import dev.longnet.core.stream.mixer.Work;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// One token in each of some streams: every weight is read once for all of them, its outputs shared
/// out among the threads; mixing is each stream's own.
final class StepPass implements AutoCloseable {
  /// Remembered floats below which helping threads cost more than they bring.
  private static final long WORTH_SHARING = 1 << 14;

  private final StreamingModel model;
  private final StreamWeights weights;
  private final Work work;
  private final Products products;
  private final int c;
  private int capacity;
  private NativeFloats residual = new NativeFloats(0);
  private NativeFloats logits = new NativeFloats(0);
  private StreamLayer.Scratch scratch =
      new StreamLayer.Scratch(new NativeFloats(0), new NativeFloats(0));

  /// @param products shared out among the team
  StepPass(StreamingModel model, Work work, Products products) {
    this.model = model;
    this.weights = model.weights();
    this.work = work;
    this.products = products;
    this.c = model.config().hidden();
  }

  private void reserve(int rows) {
    work.reserve(rows);
    if (rows <= capacity) {
      return;
    }
    close();
    residual = new NativeFloats((long) rows * c);
    logits = new NativeFloats((long) rows * model.config().vocabulary());
    scratch =
        new StreamLayer.Scratch(
            new NativeFloats((long) rows * c),
            new NativeFloats((long) rows * model.config().feedForward()));
    capacity = rows;
  }

  void read(List<StreamState> streams, int[] tokens) {
    int rows = tokens.length;
    reserve(rows);
    // Floats each layer will read of what its streams remember.
    long[] remembered = new long[weights.layers.size()];
    for (StreamState state : streams) {
      for (int layer = 0; layer < remembered.length; layer++) {
        remembered[layer] += state.memories.get(layer).reserveStep(state.position);
      }
    }
    long x = residual.address();
    for (int row = 0; row < rows; row++) {
      StreamState state = streams.get(row);
      state.inChunk = true;
      weights.embedding.row(tokens[row], x + 4L * row * c);
      for (StreamMixer mixer : model.distinctMixers()) {
        mixer.prepare(work, state.position, 0, 1, row);
      }
    }
    Block block = new Block(work, products, 0, rows);
    for (int layer = 0; layer < remembered.length; layer++) {
      weights.layers.get(layer).begin(block, x, scratch);
      mix(streams, layer, remembered[layer]);
      weights.layers.get(layer).end(block, x, scratch);
    }
    weights.finalNorm.apply(work.kernels(), x, rows, x);
    for (int row = 0; row < rows; row++) {
      StreamState state = streams.get(row);
      MemorySegment.copy(residual.segment(), 4L * row * c, state.hidden.segment(), 0, 4L * c);
      state.position++;
      state.inChunk = false;
    }
  }

  private void mix(List<StreamState> streams, int layer, long remembered) {
    int parts = weights.layers.get(layer).mixer().parts();
    int tasks = streams.size() * parts;
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
    int rows = logits.length;
    reserve(rows);
    NativeFloats hidden = scratch.narrow();
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          streams.get(row).hidden.segment(), 0, hidden.segment(), 4L * row * c, 4L * c);
    }
    products.product(hidden.address(), rows, weights.output, this.logits.address());
    int v = model.config().vocabulary();
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          this.logits.segment(), ValueLayout.JAVA_FLOAT, 4L * row * v, logits[row], 0, v);
    }
  }

  @Override
  public void close() {
    residual.close();
    logits.close();
    scratch.close();
    capacity = 0;
  }
}
