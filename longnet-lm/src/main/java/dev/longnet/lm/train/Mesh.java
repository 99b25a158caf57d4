// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.config.RankMesh;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.Collectives.Traffic;
import dev.longnet.lm.model.Parameters;
import dev.longnet.lm.model.SequenceShards;
import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/// Ranks that exchange over [Collectives]: rank = group x shards + shard. Only attention exchanges
/// within a pass, in the groups; gradients are added once a step, over all ranks, unless these hold
/// parameters for one another ([ShardedParameters]).
///
/// Rank 0 writes. Closing closes the groups; the world stays the caller's.
public final class Mesh implements Ranks, AutoCloseable {
  private static final MemorySegment NOTHING = MemorySegment.NULL;

  private final RankMesh shape;
  private final Collectives world;
  private final Collectives sequence;
  private final SequenceShards shards;

  private Mesh(RankMesh shape, Collectives world, Collectives sequence) {
    this.shape = shape;
    this.world = world;
    this.sequence = sequence;
    this.shards = new SequenceShards(sequence.rank(), sequence.size(), sequence);
  }

  /// Waits for the others.
  ///
  /// @param world all ranks
  /// @param sequenceRanks so many share each window
  /// @throws IllegalArgumentException where the ranks are no multiple of them
  public static Mesh of(Collectives world, int sequenceRanks) {
    RankMesh shape = new RankMesh(world.size(), sequenceRanks);
    return new Mesh(shape, world, world.split(shape.group(world.rank())));
  }

  @Override
  public int size() {
    return world.size();
  }

  @Override
  public int rank() {
    return world.rank();
  }

  @Override
  public SequenceShards shards() {
    return shards;
  }

  @Override
  public int groups() {
    return shape.groups();
  }

  @Override
  public Slice windows(long ofStep) {
    long group = shape.group(world.rank());
    return new Slice(ofStep * group / groups(), ofStep * (group + 1) / groups());
  }

  @Override
  public Slice elements(long all) {
    long[] bounds = bounds(all);
    return new Slice(bounds[world.rank()], bounds[world.rank() + 1]);
  }

  /// Whole cache lines each.
  private long[] bounds(long all) {
    long lines = all / Parameters.ALIGNMENT;
    long[] bounds = new long[size() + 1];
    for (int i = 0; i <= size(); i++) {
      bounds[i] = lines * i / size() * Parameters.ALIGNMENT;
    }
    return bounds;
  }

  @Override
  public void reduce(Tensor gradients, Slice some) {
    world.reduceScatter(memory(gradients, some), bounds(gradients.numel(), some));
  }

  @Override
  public void share(Tensor values, Slice some) {
    world.allGather(memory(values, some), Float.BYTES, bounds(values.numel(), some));
  }

  private static MemorySegment memory(Tensor floats, Slice some) {
    return TensorMemory.of(floats).asSlice(Float.BYTES * some.first(), Float.BYTES * some.count());
  }

  /// Where the ranks' elements among some of all begin, counted from the first of these.
  private long[] bounds(long all, Slice some) {
    long[] bounds = bounds(all);
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = Math.clamp(bounds[i], some.first(), some.end()) - some.first();
    }
    return bounds;
  }

  @Override
  public void spread(Tensor values) {
    long[] bounds = new long[size() + 1];
    Arrays.fill(bounds, 1, bounds.length, values.numel());
    world.allGather(TensorMemory.of(values), Float.BYTES, bounds);
  }

  @Override
  public void collect(MemorySegment own, Slice wanted, long all, MemorySegment into) {
    long[] bounds = bounds(all);
    long[] sent = new long[size()];
    sent[0] = own.byteSize();
    long[] received = new long[size()];
    for (int i = 0; i < size() && writes(); i++) {
      received[i] = Float.BYTES * wanted.and(new Slice(bounds[i], bounds[i + 1])).count();
    }
    world.start(own, sent, writes() ? into : NOTHING, received).await();
  }

  @Override
  public double sum(double ofThisRank) {
    return world.sum(ofThisRank);
  }

  @Override
  public double[] sums(double... ofThisRank) {
    ByteBuffer own = ByteBuffer.allocate(ofThisRank.length * Double.BYTES);
    own.asDoubleBuffer().put(ofThisRank);
    double[] sums = new double[ofThisRank.length];
    for (byte[] bytes : world.gather(own.array())) {
      DoubleBuffer values = ByteBuffer.wrap(bytes).asDoubleBuffer();
      for (int i = 0; i < sums.length; i++) {
        sums[i] += values.get(i);
      }
    }
    return sums;
  }

  @Override
  public byte[] hear(byte[] said) {
    return world.gather(writes() ? said : new byte[0]).getFirst();
  }

  @Override
  public boolean writes() {
    return world.rank() == 0;
  }

  @Override
  public Optional<StepTraffic> takeTraffic() {
    Traffic rows = sequence.takeTraffic();
    Traffic others = world.takeTraffic();
    double[] sums =
        sums(
            rows.bytes(),
            rows.exposedSeconds(),
            rows.hiddenSeconds(),
            rows.bytes() + others.bytes(),
            rows.exposedSeconds() + others.exposedSeconds(),
            rows.hiddenSeconds() + others.hiddenSeconds());
    return Optional.of(new StepTraffic(traffic(sums, 3), traffic(sums, 0)));
  }

  /// Bytes of all ranks, seconds of one in the mean.
  private Traffic traffic(double[] sums, int at) {
    return new Traffic((long) sums[at], sums[at + 1] / size(), sums[at + 2] / size());
  }

  @Override
  public void needNoOther() {
    if (writes()) {
      world.whenLost(_ -> {});
    }
  }

  @Override
  public void close() {
    sequence.close();
  }
}
