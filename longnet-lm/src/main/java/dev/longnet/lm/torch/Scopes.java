// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;

/// Native memory and [PointerScope]: what a method allocates on the way goes with its own scope,
/// its result belongs to the caller's.
public final class Scopes {
  private Scopes() {}

  /// Runs `body` in a scope of its own and without autograd; the tensors it returns outlive it.
  ///
  /// @return what `body` returned, each attached to the caller's scope, or, without one, to the
  ///   garbage collector
  public static Tensor[] tensors(Supplier<Tensor[]> body) {
    PointerScope outer = PointerScope.getInnerScope();
    boolean gradients = GradMode.is_enabled();
    try (PointerScope inner = new PointerScope()) {
      GradMode.set_enabled(false);
      Tensor[] results = body.get();
      for (Tensor result : results) {
        keep(result, outer);
      }
      return results;
    } finally {
      GradMode.set_enabled(gradients);
    }
  }

  /// As [#tensors(Supplier)], for one.
  public static Tensor tensor(Supplier<Tensor> body) {
    return tensors(() -> new Tensor[] {body.get()})[0];
  }

  /// Lets a pointer of an inner scope live on in `outer`; with no outer scope until the garbage
  /// collector finds it.
  static void keep(Pointer pointer, PointerScope outer) {
    if (outer != null) {
      outer.attach(pointer);
    } else {
      pointer.retainReference();
    }
  }
}
