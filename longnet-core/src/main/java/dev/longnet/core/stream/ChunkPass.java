// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.attention.WorkerTeam;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.Products;
import dev.longnet.core.stream.mixer.Block;
import dev.longnet.core.stream.mixer.MixerMemory;
import dev.longnet.core.stream.mixer.StreamMixer;
import dev.longnet.core.stream.mixer.Work;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Many tokens of one stream at once. Between two mixings everything acts on rows alone, so one
/// task carries a block of rows, small enough for its core's cache, from one mixing to the next:
/// the end of a layer and the beginning of the next one.
final class ChunkPass {
  /// Floats of feed-forward activations in one block of rows: half a megabyte.
  private static final int BLOCK_FLOATS = 1 << 17;

  private final StreamingModel model;
  private final StreamWeights weights;
  private final Kernels kernels;
  private final WorkerTeam team;
  private final Work work;
  private final List<Products.Alone> products;
  private final int chunkTokens;
  private final int blockRows;
  private final int c;

  private final NativeMemory memory;

  /// One for each worker of the team, made for the first chunk.
  private List<Worker> workers = List.of();

  private Residual residual;

  /// What a worker carries a block of rows with.
  private record Worker(StreamLayer.Scratch scratch, Scoring scoring) {}

  /// @param part of the session's memory, which goes when a chunk has more rows
  /// @param floats [rows, C]
  private record Residual(NativeMemory part, int rows, NativeFloats floats) {}

  /// @param chunkTokens tokens of a chunk at most
  /// @param products of each worker of the team
  /// @param memory the session's
  ChunkPass(
      StreamingModel model,
      Work work,
      List<Products.Alone> products,
      int chunkTokens,
      NativeMemory memory) {
    this.model = model;
    this.weights = model.weights();
    this.kernels = work.kernels();
    this.team = work.team();
    this.work = work;
    this.products = products;
    this.chunkTokens = chunkTokens;
    this.c = model.config().hidden();
    // Kernels take six rows at a time.
    int rows = BLOCK_FLOATS / model.config().feedForward() / 6 * 6;
    this.blockRows = Math.clamp((long) rows, 24, 384);
    this.memory = memory;
    this.residual = residual(0);
  }

  private void reserve(int tokens) {
    if (workers.isEmpty()) {
      workers =
          memory.part().build(part -> products.stream().map(alone -> worker(part, alone)).toList());
    }
    int rows = Math.min(chunkTokens, Integer.highestOneBit(tokens - 1 | 1) << 1);
    work.reserve(rows);
    if (tokens > residual.rows) {
      // The old rows go first: both at once would need half as much again.
      residual.part.close();
      residual = residual(0);
      residual = residual(rows);
    }
  }

  private Worker worker(NativeMemory part, Products.Alone alone) {
    return new Worker(
        StreamLayer.Scratch.of(part, model.config(), blockRows),
        new Scoring(weights.output, alone, blockRows, part));
  }

  private Residual residual(int rows) {
    return memory.part().build(part -> new Residual(part, rows, part.floats((long) rows * c)));
  }

  /// Reads `tokens[from … from + n)`.
  ///
  /// @param wanted row `at + i` of what it wants gets token i's
  void read(StreamState state, int[] tokens, int from, int n, ReadOptions wanted, int at) {
    reserve(n);
    for (MixerMemory memory : state.memories) {
      memory.reserve(state.position, n);
    }
    state.beginChunk();
    if (wanted.losses().isPresent()) {
      first(state, tokens[from], wanted, at);
    }
    int blocks = Math.ceilDiv(n, blockRows);
    for (int layer = 0; layer < weights.layers.size(); layer++) {
      int number = layer;
      team.run(
          blocks,
          (index, worker) -> {
            Block block = block(index, n, worker);
            StreamLayer.Scratch scratch = workers.get(worker).scratch;
            if (number == 0) {
              embed(block, tokens, from, state.position);
            } else {
              weights.layers.get(number - 1).end(block, rows(block), scratch);
            }
            weights.layers.get(number).begin(block, rows(block), scratch);
          });
      state.memories.get(layer).chunk(work, state.position, n);
    }
    team.run(
        blocks,
        (index, worker) -> {
          Block block = block(index, n, worker);
          Scoring scoring = workers.get(worker).scoring;
          weights.layers.getLast().end(block, rows(block), workers.get(worker).scratch);
          weights.finalNorm.apply(kernels, rows(block), block.count(), rows(block));
          if (wanted.losses().isPresent()) {
            int scored = Math.min(block.last(), n - 1) - block.first();
            int next = block.first() + 1;
            scoring.losses(
                rows(block),
                scored,
                tokens,
                from + next,
                wanted.losses().get(),
                wanted.shares(),
                at + next);
          }
          if (wanted.logits().isPresent()) {
            scoring.logits(rows(block), block.count(), wanted.logits().get(), at + block.first());
          }
        });
    MemorySegment.copy(
        residual.floats.segment(), 4L * (n - 1) * c, state.hidden.segment(), 0, 4L * c);
    state.position += n;
    state.inChunk = false;
  }

  private Block block(int index, int n, int worker) {
    int first = index * blockRows;
    return new Block(work, products.get(worker), first, Math.min(n, first + blockRows));
  }

  /// Address of a block's residual rows.
  private long rows(Block block) {
    return residual.floats.address() + 4L * block.first() * c;
  }

  private void embed(Block block, int[] tokens, int from, long position) {
    for (int row = block.first(); row < block.last(); row++) {
      weights.embedding.row(tokens[from + row], residual.floats.address() + 4L * row * c);
    }
    for (StreamMixer mixer : model.distinctMixers()) {
      mixer.prepare(work, position, block.first(), block.last(), 0);
    }
  }

  /// Scores a chunk's first token by what was known before the chunk.
  private void first(StreamState state, int token, ReadOptions wanted, int at) {
    float[] losses = wanted.losses().orElseThrow();
    if (state.position == 0) {
      losses[at] = Float.NaN;
      return;
    }
    workers
        .getFirst()
        .scoring
        .losses(state.hidden.address(), 1, new int[] {token}, 0, losses, wanted.shares(), at);
  }
}
