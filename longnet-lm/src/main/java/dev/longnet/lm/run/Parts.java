// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.train.Ranks;

/// What a run is handed besides its configuration.
///
/// @param operators makes the attention operators, of training and of the evaluation
/// @param runtime how it computes: the recipe's, or with other threads
/// @param ranks that train together
/// @param listener hears all there is to show
/// @param program who runs it, for `environment.json`: a version
public record Parts(
    AttentionOperator.Factory operators,
    RuntimeConfig runtime,
    Ranks ranks,
    RunListener listener,
    String program) {
  /// The operators that the recipe's runtime names, one rank.
  public static Parts of(RunConfig config, RunListener listener, String program) {
    return new Parts(
        AttentionOperators.factory(config.runtime()),
        config.runtime(),
        Ranks.one(),
        listener,
        program);
  }
}
