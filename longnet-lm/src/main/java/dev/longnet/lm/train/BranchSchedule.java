// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Span;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// Makes the attention operators of a model in training, whose branches may join one after another
/// (`training.branch_starts`, or `branches` of `training.windows`): before each step [#at(long)]
/// chooses those that take part. A function of the step alone, so a resumed run repeats it.
public final class BranchSchedule implements AttentionOperator.Factory {
  private final RunConfig config;
  private final AttentionOperator.Factory operators;
  private final List<Joining> joining = new ArrayList<>();
  private ModelConfig model;
  private int branches;

  /// @param operators makes the operator of the branches that take part
  /// @param step steps that are done
  public BranchSchedule(RunConfig config, AttentionOperator.Factory operators, long step) {
    this.config = config;
    this.operators = operators;
    at(step);
  }

  /// Sets the branches of the step that follows `step` others.
  ///
  /// @return the model as it is trained then: with the branches that take part
  public ModelConfig at(long step) {
    ModelConfig whole = config.model();
    int now = config.training().branches(step, whole.branches());
    if (model == null || now != branches) {
      branches = now;
      model = whole.mapMixers(mixer -> mixer.withBranches(Math.min(now, mixer.branches())));
      joining.forEach(Joining::renew);
    }
    return model;
  }

  @Override
  public AttentionOperator of(AttentionConfig attention, boolean causal) {
    Joining operator = new Joining(attention, causal);
    joining.add(operator);
    return operator;
  }

  /// The operator of one attention, with the branches that take part now.
  private final class Joining implements AttentionOperator {
    private final AttentionConfig whole;
    private final boolean causal;
    private AttentionOperator operator;
    private @Nullable Workers workers;

    Joining(AttentionConfig whole, boolean causal) {
      this.whole = whole;
      this.causal = causal;
      this.operator = make();
    }

    private AttentionOperator make() {
      return operators.of(whole.withBranches(Math.min(branches, whole.branches())), causal);
    }

    void renew() {
      operator.release();
      operator = workers == null ? make() : make().on(workers);
    }

    /// The operator of the branches that take part now: a step's passes ask for it anew.
    @Override
    public AttentionOperator over(Span span) {
      return operator.over(span);
    }

    @Override
    public void release() {
      operator.release();
    }

    @Override
    public AttentionOperator on(Workers workers) {
      this.workers = workers;
      operator = operator.on(workers);
      return this;
    }

    @Override
    public Output forward(Tensor q, Tensor k, Tensor v) {
      return operator.forward(q, k, v);
    }

    @Override
    public void forward(Tensor q, Tensor k, Tensor v, Output into) {
      operator.forward(q, k, v, into);
    }

    @Override
    public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
      return operator.backward(q, k, v, output, gradOut);
    }

    @Override
    public void backward(
        Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
      operator.backward(q, k, v, output, gradOut, into);
    }

    @Override
    public String describe() {
      return operator.describe();
    }
  }
}
