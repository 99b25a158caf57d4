// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// Adam or AdamW. Norms and biases (parameters of one dimension) never decay.
///
/// @param rule adamw: weights shrink by learning rate x decay, apart from the gradient; adam: decay
///   x weight is added to the gradient
/// @param learningRate its peak; the schedule scales it
/// @param epsilon added to the root of the second moment
/// @param weightDecay 0: none
public record OptimizerConfig(
    Rule rule,
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay) {

  /// Which update.
  public enum Rule {
    ADAMW,
    ADAM
  }

  static OptimizerConfig read(Section s) {
    OptimizerConfig result =
        new OptimizerConfig(
            s.choice("rule", Rule.ADAMW, Rule.class),
            s.number("learning_rate", 6e-4, 0, 10),
            s.number("beta1", 0.9, 0, 0.9999999),
            s.number("beta2", 0.98, 0, 0.9999999),
            s.number("epsilon", 1e-8, 1e-16, 1),
            s.number("weight_decay", 0.01, 0, 10));
    s.done();
    return result;
  }
}
