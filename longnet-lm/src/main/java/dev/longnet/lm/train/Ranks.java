// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.distributed.Collectives.Traffic;
import dev.longnet.lm.model.SequenceShards;
import dev.longnet.lm.model.Span;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/// The ranks that train one model together, as one of them sees them. They form a mesh: each group
/// of ranks that share windows holds all parts of each of its windows ([#shards()]), and the groups
/// share out the windows of a step ([#windows(long)]). Sums go over all ranks and are divided once,
/// so that nothing depends on how targets lie on the ranks.
///
/// Each rank has all weights, and moves the elements that it owns ([#elements(long)]).
///
/// Every rank trains with the same configuration and calls the same methods in the same order; each
/// call that says so waits for the others.
public interface Ranks {
  /// How many there are.
  int size();

  /// This one's number, from 0. Those that share windows are neighbours.
  int rank();

  /// The parts of a window, and the one that this rank trains on.
  SequenceShards shards();

  /// The part of every window that this rank trains on.
  ///
  /// @param window N, tokens
  default Span span(long window) {
    return shards().span(window);
  }

  /// The groups that share out a step's windows.
  int groups();

  /// Which of a step's windows are this rank's group's; none where there are fewer than groups.
  Slice windows(long ofStep);

  /// Which elements of the parameters' memory this rank owns: each has one owner.
  ///
  /// @param all a multiple of a cache line's
  Slice elements(long all);

  /// Adds the gradients of all ranks, in float32; waits for the others.
  ///
  /// @param gradients `[E]` float32; afterwards the sums at the elements that this rank owns,
  ///   anything elsewhere
  /// @param some of the elements; the others stay
  void reduce(Tensor gradients, Slice some);

  /// Takes over from each rank the elements that it owns; waits for the others.
  ///
  /// @param values `[E]` float32
  /// @param some of the elements; the others stay
  void share(Tensor values, Slice some);

  /// Takes over all elements from the rank that writes; waits for the others.
  ///
  /// @param values `[E]` float32
  void spread(Tensor values);

  /// Brings consecutive elements together on the rank that writes; waits for the others.
  ///
  /// @param own those of `wanted` that this rank owns, float32
  /// @param wanted by all ranks alike
  /// @param all E
  /// @param into `[wanted]` float32, overwritten on the rank that writes
  void collect(MemorySegment own, Slice wanted, long all, MemorySegment into);

  /// A number of this rank, such as its loss or its count of targets, added up over all ranks;
  /// waits for the others.
  double sum(double ofThisRank);

  /// As [#sum(double)], of numbers that are few.
  ///
  /// @param ofThisRank as many on every rank
  double[] sums(double... ofThisRank);

  /// Whether it holds on any rank. Ranks decide with it together what one of them alone knows: a
  /// stop was asked for, the time is up.
  default boolean any(boolean onThisRank) {
    return sum(onThisRank ? 1 : 0) > 0;
  }

  /// Says that this rank calls the others no more. Where it is the one that writes, the loss of
  /// another does not end it from now on.
  default void needNoOther() {}

  /// What the rank that writes says, a few bytes; waits for the others.
  ///
  /// @param said on that rank
  byte[] hear(byte[] said);

  /// Whether this rank writes checkpoints and logs. The others leave the run's directory alone.
  boolean writes();

  /// What all ranks together sent since the last call, and how long one of them waited, in the
  /// mean; waits for the others. Empty where there is one rank.
  Optional<StepTraffic> takeTraffic();

  /// @param all what was sent, of whatever kind
  /// @param rows the part of it that attention sent: keys, values and their gradients
  record StepTraffic(Traffic all, Traffic rows) {}

  /// A run of one rank: nothing is exchanged.
  static Ranks one() {
    return new OneRank();
  }
}
