// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.IOException;
import java.nio.file.Path;

/// Starts the processes of a run's ranks and watches over them until the last has ended.
interface Ranks {
  /// Where this process is asked to stop, so are they, and this waits until they have saved
  /// themselves.
  ///
  /// @param size how many
  RanksEnd run(int size, Handover handover) throws IOException;

  /// A process's share of its machine's cores.
  ///
  /// @param size of all processes
  int cores(int size);

  /// Where a person reads what the ranks print.
  String logs(Path run);
}
