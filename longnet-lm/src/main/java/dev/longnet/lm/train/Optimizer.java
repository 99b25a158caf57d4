// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.config.OptimizerConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Predicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Adam and AdamW over a model's parameters, in libtorch's fused kernels: one pass over weights,
/// gradients and moments. Which parameters decay is said from outside
/// ([dev.longnet.core.config.Parameter#decays()]).
///
/// Owns the moments and frees them in [#close()]; the parameters and gradients stay the caller's.
public final class Optimizer implements AutoCloseable {
  private static final String FIRST = "exp_avg.";
  private static final String SECOND = "exp_avg_sq.";

  private final OptimizerConfig config;
  private final List<Group> groups;
  private final List<Tensor> gradients;
  private long applied;

  /// Parameters that share a weight decay, and their state, in parallel lists.
  private record Group(
      double weightDecay,
      List<String> names,
      List<Tensor> values,
      List<Tensor> gradients,
      List<Tensor> first,
      List<Tensor> second,
      List<Tensor> steps) {}

  /// @param values by name; the tensors are updated in place
  /// @param gradients same names
  /// @param decays which of the names weight decay touches
  public Optimizer(
      OptimizerConfig config,
      Map<String, Tensor> values,
      Map<String, Tensor> gradients,
      Predicate<String> decays) {
    this.config = config;
    this.gradients = List.copyOf(gradients.values());
    this.groups =
        List.of(
            group(config.weightDecay(), values, gradients, decays),
            group(0, values, gradients, decays.negate()));
  }

  private static Group group(
      double decay,
      Map<String, Tensor> values,
      Map<String, Tensor> gradients,
      Predicate<String> members) {
    Group group =
        new Group(
            decay,
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>());
    values.forEach((name, value) -> {
      if (members.test(name)) {
        group.names.add(name);
        group.values.add(value);
        group.gradients.add(gradients.get(name));
        group.first.add(owned(torch.zeros_like(value)));
        group.second.add(owned(torch.zeros_like(value)));
        group.steps.add(owned(stepTensor(value)));
      }
    });
    return group;
  }

  /// The norm of all gradients together; NaN or infinite when any of them is.
  public double gradientNorm() {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] norms = gradients.stream().map(Tensor::norm).toArray(Tensor[]::new);
      return torch.stack(new TensorVector(norms)).norm().item_double();
    }
  }

  /// Moves the parameters once.
  ///
  /// @param gradientScale what the gradients are multiplied by first: clipping
  public void step(double learningRate, double gradientScale) {
    applied++;
    OperatorHandle kernel;
    try (PointerScope scope = new PointerScope()) {
      String name =
          switch (config.rule()) {
            case ADAMW -> "aten::_fused_adamw_";
            case ADAM -> "aten::_fused_adam_";
          };
      kernel = Dispatcher.singleton().findSchemaOrThrow(name, "");
      for (Group group : groups) {
        update(kernel, group, learningRate, gradientScale);
      }
    }
  }

  /// aten::_fused_adamw_(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr,
  /// beta1, beta2, weight_decay, eps, amsgrad, maximize, grad_scale, found_inf); the kernel divides
  /// gradients by grad_scale.
  private void update(
      OperatorHandle kernel, Group group, double learningRate, double gradientScale) {
    if (group.values.isEmpty()) {
      return;
    }
    try (Scalar step = new Scalar((double) applied)) {
      group.steps.forEach(t -> t.fill_(step));
    }
    IValueVector stack = new IValueVector();
    stack.push_back(list(group.values));
    stack.push_back(list(group.gradients));
    stack.push_back(list(group.first));
    stack.push_back(list(group.second));
    stack.push_back(list(List.of()));
    stack.push_back(list(group.steps));
    stack.push_back(new IValue(learningRate));
    stack.push_back(new IValue(config.beta1()));
    stack.push_back(new IValue(config.beta2()));
    stack.push_back(new IValue(group.weightDecay));
    stack.push_back(new IValue(config.epsilon()));
    stack.push_back(new IValue(false));
    stack.push_back(new IValue(false));
    stack.push_back(
        gradientScale == 1
            ? new IValue()
            : new IValue(stepTensor(group.values.getFirst()).fill_(new Scalar(1 / gradientScale))));
    stack.push_back(new IValue());
    kernel.callBoxed(stack);
  }

  /// Steps applied: what the bias correction counts.
  long applied() {
    return applied;
  }

  void restoreApplied(long steps) {
    applied = steps;
  }

  /// Both moments of every parameter, by name; writing to the tensors restores a state.
  SequencedMap<String, Tensor> state() {
    SequencedMap<String, Tensor> state = new LinkedHashMap<>();
    for (Group group : groups) {
      for (int i = 0; i < group.names.size(); i++) {
        state.put(FIRST + group.names.get(i), group.first.get(i));
        state.put(SECOND + group.names.get(i), group.second.get(i));
      }
    }
    return state;
  }

  @Override
  public void close() {
    for (Group group : groups) {
      group.first.forEach(Tensor::deallocate);
      group.second.forEach(Tensor::deallocate);
      group.steps.forEach(Tensor::deallocate);
    }
  }

  /// One float where the parameter lives.
  private static Tensor stepTensor(Tensor like) {
    return torch.zeros(new long[] {1}, like.options());
  }

  private static IValue list(List<Tensor> tensors) {
    // IValue has no constructor for a list of tensors: the element type is taken from an operator
    // that has a tensor.
    GenericList list =
        new GenericList(
            Dispatcher.singleton().findSchemaOrThrow("aten::relu", "").schema().arguments().type());
    for (Tensor tensor : tensors) {
      list.push_back(new IValue(tensor));
    }
    return new IValue(list);
  }

  /// Outlives every scope, until it is deallocated.
  private static Tensor owned(Tensor tensor) {
    return tensor.retainReference();
  }
}
