// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.List;

/// How a model is trained. Jobs of several experiments may measure one model: it is trained once.
///
/// @param id whose training this is; its seed is the recipe's
/// @param base a recipe by its name
/// @param overrides `path=value` each, what the row changes in it
public record ModelRecipe(RunId id, String base, List<String> overrides) {
  public ModelRecipe {
    overrides = List.copyOf(overrides);
  }
}
