// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.Optional;

/// One run of an experiment: what it measures becomes one [Evidence].
///
/// @param model that is trained first, unless it is there; empty where nothing is trained
/// @param flops operations of the measurement, for the plan; 0 where they are few
public record Job(RunId id, Optional<ModelRecipe> model, double flops) {
  /// Trains a model of its own.
  static Job of(ModelRecipe model, double flops) {
    return new Job(model.id(), Optional.of(model), flops);
  }
}
