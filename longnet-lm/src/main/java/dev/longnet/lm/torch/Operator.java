// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;

/// An operator of libtorch's dispatcher by its name: the way to those that have no Java method (all
/// that begin with an underscore). Autograd follows it as it does any other.
public final class Operator {
  private final String name;
  private final OperatorHandle handle;

  private Operator(String name, OperatorHandle handle) {
    this.name = name;
    this.handle = handle;
  }

  /// @param name with its namespace, e.g. `aten::_scaled_dot_product_flash_attention_for_cpu`
  /// @throws IllegalStateException when this libtorch has no such operator
  public static Operator named(String name) {
    Torch.load();
    try (PointerScope scope = new PointerScope()) {
      // The table of operators is never freed; the handle points into it and must outlive the
      // scope.
      OperatorHandle handle = Dispatcher.singleton().findSchemaOrThrow(name, "");
      handle.retainReference();
      return new Operator(name, handle);
    } catch (RuntimeException e) {
      throw new IllegalStateException("this libtorch has no operator " + name, e);
    }
  }

  /// Calls it with all arguments of its schema in order.
  ///
  /// @param arguments tensors, booleans, longs, doubles, or `Optional.empty()` for None
  /// @return the tensors among its results, in order (undefined ones included); they belong to the
  ///   caller's [PointerScope]
  public Tensor[] call(Object... arguments) {
    PointerScope outer = PointerScope.getInnerScope();
    try (PointerScope scope = new PointerScope()) {
      IValueVector stack = new IValueVector();
      for (Object argument : arguments) {
        stack.push_back(value(argument));
      }
      handle.callBoxed(stack);
      int count = (int) stack.size();
      Tensor[] results = new Tensor[count];
      int tensors = 0;
      for (int i = 0; i < count; i++) {
        IValue result = stack.get(i);
        if (result.isTensor()) {
          // What toTensor() gives belongs to the stack: a reference of our own.
          Tensor tensor = new Tensor(result.toTensor());
          Scopes.keep(tensor, outer);
          results[tensors++] = tensor;
        }
      }
      return Arrays.copyOf(results, tensors);
    }
  }

  private IValue value(Object argument) {
    return switch (argument) {
      case Tensor tensor -> new IValue(tensor);
      case Boolean flag -> new IValue(flag.booleanValue());
      case Long number -> new IValue(number.longValue());
      case Double number -> new IValue(number.doubleValue());
      case Optional<?> none when none.isEmpty() -> new IValue();
      default ->
          throw new IllegalArgumentException(
              "no argument of " + name + " can be a " + argument.getClass());
    };
  }

  @Override
  public String toString() {
    return name;
  }
}
