package dev.longnet.lm.attention;

import dev.longnet.attention.AttentionPattern;
import dev.longnet.attention.GradientMode;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.lm.model.AttentionOperator;

/// Which attention operator a pattern gets.
@FunctionalInterface
public interface OperatorFactory {
  AttentionOperator operator(AttentionPattern pattern);

  /// With exact gradients, of the kernel, device and threads that a recipe names.
  static OperatorFactory of(RuntimeConfig runtime) {
    return pattern -> AttentionOperators.of(pattern, GradientMode.EXACT, runtime);
  }
}
