// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.attention.RowExchange;
import dev.longnet.core.io.FieldMessage;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/// A group of ranks that exchange bytes and sums. Every rank of the group calls the same methods in
/// the same order, from one platform thread; what ranks pass in must agree in the way each method
/// says. Several exchanges may be under way; other calls return when they are over. Memory lies
/// outside the heap.
///
/// A rank that is lost ends every call that waits for it with [PeerLostException]. Ranks that call
/// different things or disagree on a size end with an [IllegalStateException] on all of them. After
/// either the group is of no use, and neither are those that it was split from or into.
///
/// Sums are balanced binary trees over the ranks, each addition in the type of its elements: their
/// bits depend on the number of ranks alone, neither on who arrived first nor on how many processes
/// hold the ranks.
public interface Collectives extends RowExchange, AutoCloseable {
  /// This rank's number, from 0.
  int rank();

  /// How many ranks there are.
  int size();

  /// Adds float32 elements of all ranks. Rank i gets the sums of elements `[bounds[i],
  /// bounds[i+1])` in the place where its own stood; the other elements are unspecified afterwards.
  ///
  /// @param floats as many on every rank
  /// @param bounds size + 1 element numbers, never falling
  void reduceScatter(MemorySegment floats, long[] bounds);

  /// Fills every rank's copy with the elements `[bounds[i], bounds[i+1])` of rank i.
  ///
  /// @param elementBytes of one element
  void allGather(MemorySegment data, long elementBytes, long[] bounds);

  /// The sum of a number of every rank, the same on all of them.
  double sum(double ofThisRank);

  /// Everybody's bytes, in the order of ranks; for small things.
  List<byte[]> gather(byte[] ofThisRank);

  /// Waits for all ranks.
  void barrier();

  /// The ranks that say the same color, as a group of its own, ordered as here.
  ///
  /// @param color from 0
  Collectives split(int color);

  /// Tells the other ranks that this one gives up, so that they stop waiting; from any thread.
  ///
  /// @param reason one line for their messages
  void abort(FieldMessage reason);

  /// Says what to do with the line that tells which rank was lost, on a thread of its own and once:
  /// a loss ends calls, but not what a rank does between them. It has a moment to come to the next
  /// call first. Another action takes the place of the one before, which is neither under way when
  /// this returns nor done later. Nothing is done after this rank's own [#abort], nor in a group of
  /// threads alone, which end together.
  default void whenLost(Consumer<FieldMessage> action) {}

  /// What was sent and how long the caller waited since the last call.
  Traffic takeTraffic();

  /// Waits for all ranks to close theirs, unless the group has failed. Groups that were split off
  /// are closed before. A rank that ends because of a failure of its own calls [#abort] first.
  @Override
  void close();

  /// @param bytes sent to other ranks
  /// @param exposedSeconds callers waited for exchanges
  /// @param hiddenSeconds exchanges were under way while their callers worked, at most: nobody
  ///   learns that one is over before he waits for it
  record Traffic(long bytes, double exposedSeconds, double hiddenSeconds) {}
}
