package dev.longnet.lm.run;

import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.attention.OperatorFactory;

/// What a run is handed besides its configuration.
///
/// @param operators which attention operator a pattern gets, in training and in the evaluation
/// @param listener hears all there is to show
/// @param program who runs it, for `environment.json`: a version
public record Parts(OperatorFactory operators, RunListener listener, String program) {
  /// The operators that the recipe's runtime names.
  public static Parts of(RunConfig config, RunListener listener, String program) {
    return new Parts(OperatorFactory.of(config.runtime()), listener, program);
  }
}
