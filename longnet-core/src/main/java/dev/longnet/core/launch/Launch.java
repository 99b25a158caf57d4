// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

/// This process among the ranks of a run, as its launcher has it.
///
/// @param rank from 0
/// @param size how many ranks there are, at least 2
/// @param localRank among the ranks of this machine, from 0
/// @param localSize ranks of this machine
/// @param cores of this machine that are known to be this rank's; 0 where the launcher does not say
public record Launch(
    Launcher launcher, int rank, int size, int localRank, int localSize, int cores, Store store) {

  /// Where ranks find one another.
  ///
  /// @param host of rank 0
  /// @param port 1 to 65535
  /// @param served the launcher serves it already, rank 0 is a client as the others; else rank 0
  ///   serves it
  /// @param attempt tells this start of the ranks from earlier ones, where a launcher's store
  ///   outlives them
  public record Store(String host, int port, boolean served, String attempt) {
    Store(String host, int port) {
      this(host, port, false, "0");
    }
  }

  /// Whether this process is the one that serves the store.
  public boolean serves() {
    return rank == 0 && !store.served;
  }

  /// How many threads this rank should compute with.
  ///
  /// @param processors that this process may use, by the operating system
  public int threads(int processors) {
    return Math.max(1, cores > 0 ? Math.min(processors, cores) : processors / localSize);
  }
}
