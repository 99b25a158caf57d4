// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.config.OptimizerConfig;
import java.util.ArrayList;
import java.util.List;
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

/// libtorch's fused kernels: one pass over weights, gradients and moments, on GPUs.
final class FusedAdam implements AdamKernel {
  private final OptimizerConfig config;
  private final List<Group> groups;

  /// A float for every parameter, where it lives.
  private final List<List<Tensor>> steps = new ArrayList<>();

  FusedAdam(OptimizerConfig config, List<Group> groups) {
    this.config = config;
    this.groups = groups;
    for (Group group : groups) {
      List<Tensor> own = new ArrayList<>();
      for (Tensor value : group.values()) {
        own.add(stepTensor(value));
        own.getLast().retainReference();
      }
      steps.add(own);
    }
  }

  @Override
  public double squares() {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] norms =
          groups.stream()
              .flatMap(group -> group.gradients().stream())
              .map(Tensor::norm)
              .toArray(Tensor[]::new);
      double norm = torch.stack(new TensorVector(norms)).norm().item_double();
      return norm * norm;
    }
  }

  @Override
  public void step(double learningRate, double gradientScale, long number) {
    OperatorHandle kernel;
    try (PointerScope scope = new PointerScope()) {
      String name =
          switch (config.rule()) {
            case ADAMW -> "aten::_fused_adamw_";
            case ADAM -> "aten::_fused_adam_";
          };
      kernel = Dispatcher.singleton().findSchemaOrThrow(name, "");
      for (int i = 0; i < groups.size(); i++) {
        update(kernel, groups.get(i), steps.get(i), learningRate, gradientScale, number);
      }
    }
  }

  /// aten::_fused_adamw_(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr,
  /// beta1, beta2, weight_decay, eps, amsgrad, maximize, grad_scale, found_inf); the kernel divides
  /// gradients by grad_scale.
  private void update(
      OperatorHandle kernel,
      Group group,
      List<Tensor> steps,
      double learningRate,
      double gradientScale,
      long number) {
    if (group.values().isEmpty()) {
      return;
    }
    try (Scalar step = new Scalar((double) number)) {
      steps.forEach(t -> t.fill_(step));
    }
    IValueVector stack = new IValueVector();
    stack.push_back(list(group.values()));
    stack.push_back(list(group.gradients()));
    stack.push_back(list(group.first()));
    stack.push_back(list(group.second()));
    stack.push_back(list(List.of()));
    stack.push_back(list(steps));
    stack.push_back(new IValue(learningRate));
    stack.push_back(new IValue(config.beta1()));
    stack.push_back(new IValue(config.beta2()));
    stack.push_back(new IValue(group.weightDecay()));
    stack.push_back(new IValue(config.epsilon()));
    stack.push_back(new IValue(false));
    stack.push_back(new IValue(false));
    stack.push_back(
        gradientScale == 1
            ? new IValue()
            : new IValue(
                stepTensor(group.values().getFirst()).fill_(new Scalar(1 / gradientScale))));
    stack.push_back(new IValue());
    kernel.callBoxed(stack);
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

  @Override
  public void close() {
    steps.forEach(all -> all.forEach(Tensor::deallocate));
  }
}
