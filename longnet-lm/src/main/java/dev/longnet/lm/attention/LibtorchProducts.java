// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.longnet.attention.kernel.BfloatProducts;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Small products of bfloat16 matrices by libtorch (its `cpublas::brgemm`, which is oneDNN's) where
/// the processor has AMX: what its own flash attention is made of. It keeps a generated kernel for
/// every shape in every thread.
@SuppressWarnings("restricted")
final class LibtorchProducts implements BfloatProducts {
  private static final String NAMES = "_ZN2at6native7cpublas";

  // Constants, as only those are inlined. Whoever touches this class has loaded libtorch. Null
  // where
  // this libtorch lacks them: then there is no instance.
  @SuppressWarnings("NullAway")
  private static final MethodHandle MULTIPLY =
      handle(
          NAMES + "6brgemmEllllllbPKN3c108BFloat16ES5_Pfb",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_BOOLEAN,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_BOOLEAN);

  @SuppressWarnings("NullAway")
  private static final MethodHandle RELEASE = handle(NAMES + "14brgemm_releaseEb", JAVA_BOOLEAN);

  private static final Optional<BfloatProducts> INSTANCE =
      supported() ? Optional.of(new LibtorchProducts()) : Optional.empty();

  private LibtorchProducts() {}

  /// Nothing where the processor or this libtorch has none.
  static Optional<BfloatProducts> find() {
    return INSTANCE;
  }

  private static boolean supported() {
    Optional<MemorySegment> test = symbol(NAMES + "10could_packEN3c1010ScalarTypeE");
    if (test.isEmpty() || MULTIPLY == null || RELEASE == null) {
      return false;
    }
    MethodHandle supports =
        Linker.nativeLinker()
            .downcallHandle(test.get(), FunctionDescriptor.of(JAVA_BOOLEAN, JAVA_BYTE));
    try {
      return (boolean) supports.invokeExact(ScalarType.BFloat16.value);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static Optional<MemorySegment> symbol(String name) {
    return SymbolLookup.loaderLookup().find(name);
  }

  private static @Nullable MethodHandle handle(String name, MemoryLayout... arguments) {
    return symbol(name)
        .map(at -> Linker.nativeLinker().downcallHandle(at, FunctionDescriptor.ofVoid(arguments)))
        .orElse(null);
  }

  @Override
  public void multiply(
      int m, int n, int k, long a, int strideA, long b, long c, int strideC, boolean add) {
    try {
      MULTIPLY.invokeExact(
          (long) m,
          (long) n,
          (long) k,
          (long) strideA,
          (long) n,
          (long) strideC,
          add,
          a,
          b,
          c,
          true);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void release() {
    try {
      RELEASE.invokeExact(true);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public String description() {
    return "AMX (libtorch)";
  }
}
