// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// The learning rate's course: a linear warm-up, then a decay to `finalFraction` of the peak at the
/// last step.
///
/// @param warmupSteps steps until the peak; 0: none
/// @param power of the polynomial decay: (1 - progress)^power; 1 is linear
/// @param finalFraction of the peak, in [0, 1]; of no meaning for a constant course
public record ScheduleConfig(Decay decay, long warmupSteps, double power, double finalFraction) {

  /// What follows the warm-up.
  public enum Decay {
    POLYNOMIAL,
    COSINE,
    CONSTANT
  }

  static ScheduleConfig read(Section s) {
    ScheduleConfig result =
        new ScheduleConfig(
            s.choice("decay", Decay.POLYNOMIAL, Decay.class),
            s.wholeNumber("warmup_steps", 0, 0),
            s.number("power", 1, 1e-6, 100),
            s.number("final_fraction", 0, 0, 1));
    s.done();
    return result;
  }

  /// The factor of the peak learning rate at an optimizer step.
  ///
  /// @param step 0-based
  /// @param steps of the whole run
  public double factor(long step, long steps) {
    if (step < warmupSteps) {
      return (double) (step + 1) / warmupSteps;
    }
    double progress = Math.min(1, (double) (step - warmupSteps) / Math.max(1, steps - warmupSteps));
    return switch (decay) {
      case CONSTANT -> 1;
      case POLYNOMIAL -> finalFraction + (1 - finalFraction) * Math.pow(1 - progress, power);
      case COSINE -> finalFraction + (1 - finalFraction) * 0.5 * (1 + Math.cos(Math.PI * progress));
    };
  }
}
