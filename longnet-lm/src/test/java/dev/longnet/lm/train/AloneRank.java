// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.model.SequenceShards;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/// One rank, for tests that change a method or two of it.
public class AloneRank implements Ranks {
  private final Ranks one = Ranks.one();

  @Override
  public int size() {
    return one.size();
  }

  @Override
  public int rank() {
    return one.rank();
  }

  @Override
  public SequenceShards shards() {
    return one.shards();
  }

  @Override
  public int groups() {
    return one.groups();
  }

  @Override
  public Slice windows(long ofStep) {
    return one.windows(ofStep);
  }

  @Override
  public Slice elements(long all) {
    return one.elements(all);
  }

  @Override
  public void reduce(Tensor gradients, Slice some) {
    one.reduce(gradients, some);
  }

  @Override
  public void share(Tensor values, Slice some) {
    one.share(values, some);
  }

  @Override
  public void spread(Tensor values) {
    one.spread(values);
  }

  @Override
  public void collect(MemorySegment own, Slice wanted, long all, MemorySegment into) {
    one.collect(own, wanted, all, into);
  }

  @Override
  public double sum(double ofThisRank) {
    return one.sum(ofThisRank);
  }

  @Override
  public double[] sums(double... ofThisRank) {
    return one.sums(ofThisRank);
  }

  @Override
  public byte[] hear(byte[] said) {
    return one.hear(said);
  }

  @Override
  public boolean writes() {
    return one.writes();
  }

  @Override
  public Optional<StepTraffic> takeTraffic() {
    return one.takeTraffic();
  }
}
