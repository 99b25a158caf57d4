// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments;

import java.util.List;

/// The environment of a PyTorch user's process: none of the variables that keep libtorch's idle
/// threads from spinning beside Java kernels. They slow products down where OpenBLAS runs inside
/// libtorch's threads, and a PyTorch user sets none of them.
public final class UserEnvironment {
  /// What this project's launcher sets, and any pool size from outside.
  private static final List<String> UNSET =
      List.of(
          "OPENBLAS_THREAD_TIMEOUT",
          "OMP_WAIT_POLICY",
          "GOMP_SPINCOUNT",
          "OPENBLAS_NUM_THREADS",
          "OMP_NUM_THREADS");

  private UserEnvironment() {}

  /// A process that is yet to be started, with this environment.
  public static ProcessBuilder process(List<String> command) {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeAll(UNSET);
    return builder;
  }
}
