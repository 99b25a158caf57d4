package dev.longnet.lm.train;

import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.attention.OperatorFactory;
import dev.longnet.lm.model.AttentionOperator;
import org.bytedeco.pytorch.Tensor;

/// The attention of a model in training, whose branches may join one after another
/// (`training.branch_starts`): before each step [#at(long)] chooses those that take part. A
/// function of the step alone, so a resumed run repeats it.
final class BranchSchedule implements AttentionOperator {
  private final RunConfig config;
  private final OperatorFactory operators;
  private ModelConfig model;
  private AttentionOperator attention;

  /// @param operators makes the operator of the branches that take part
  /// @param step steps that are done
  BranchSchedule(RunConfig config, OperatorFactory operators, long step) {
    this.config = config;
    this.operators = operators;
    at(step);
  }

  /// Sets the branches of the step that follows `step` others.
  ///
  /// @return the model as it is trained then: with the branches that take part
  ModelConfig at(long step) {
    ModelConfig now = active(step);
    if (!now.equals(model)) {
      model = now;
      attention = operators.operator(((AttentionConfig) now.mixer(0)).pattern(true));
    }
    return now;
  }

  private ModelConfig active(long step) {
    ModelConfig whole = config.model();
    int branches = config.training().branches(step, whole.branches());
    return whole.mapMixers(mixer ->
        mixer.branches() == 0 ? mixer : mixer.withBranches(Math.min(branches, mixer.branches())));
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    return attention.forward(q, k, v);
  }

  @Override
  public void forward(Tensor q, Tensor k, Tensor v, Output into) {
    attention.forward(q, k, v, into);
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    return attention.backward(q, k, v, output, gradOut);
  }

  @Override
  public void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    attention.backward(q, k, v, output, gradOut, into);
  }

  @Override
  public String describe() {
    return attention.describe();
  }
}
