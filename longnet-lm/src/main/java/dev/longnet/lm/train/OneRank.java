// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.model.SequenceShards;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/// Owns everything and exchanges nothing.
record OneRank() implements Ranks {
  @Override
  public int size() {
    return 1;
  }

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public SequenceShards shards() {
    return SequenceShards.one();
  }

  @Override
  public int groups() {
    return 1;
  }

  @Override
  public Slice windows(long ofStep) {
    return new Slice(0, ofStep);
  }

  @Override
  public Slice elements(long all) {
    return new Slice(0, all);
  }

  @Override
  public void reduce(Tensor gradients, Slice some) {}

  @Override
  public void share(Tensor values, Slice some) {}

  @Override
  public void spread(Tensor values) {}

  @Override
  public void collect(MemorySegment own, Slice wanted, long all, MemorySegment into) {
    into.copyFrom(own);
  }

  @Override
  public double sum(double ofThisRank) {
    return ofThisRank;
  }

  @Override
  public double[] sums(double... ofThisRank) {
    return ofThisRank;
  }

  @Override
  public byte[] hear(byte[] said) {
    return said;
  }

  @Override
  public boolean writes() {
    return true;
  }

  @Override
  public Optional<StepTraffic> takeTraffic() {
    return Optional.empty();
  }
}
