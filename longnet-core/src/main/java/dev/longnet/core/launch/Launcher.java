// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

/// Who started the ranks.
public enum Launcher {
  /// This program, on one machine.
  LONGNET("longnet"),
  /// PyTorch's `torchrun`.
  TORCHRUN("torchrun"),
  /// A person, a script or an operator that sets `RANK` and `WORLD_SIZE`.
  VARIABLES("RANK and WORLD_SIZE"),
  /// Kubeflow's TrainJob, which sets `PET_*`.
  TRAIN_JOB("a TrainJob"),
  /// Slurm's `srun`.
  SLURM("srun"),
  /// An Indexed Job of Kubernetes, or a JobSet of such.
  KUBERNETES("an Indexed Job");

  private final String text;

  Launcher(String text) {
    this.text = text;
  }

  /// What a person calls it.
  @Override
  public String toString() {
    return text;
  }
}
