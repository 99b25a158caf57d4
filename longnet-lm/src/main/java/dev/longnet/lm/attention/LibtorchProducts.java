// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.longnet.attention.kernel.BfloatProducts;
import dev.longnet.core.machine.Environment;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Small products of bfloat16 matrices by libtorch (its `cpublas::brgemm`, which is oneDNN's): what
/// its own flash attention is made of. It keeps a generated kernel for every shape in every thread.
///
/// The products need a processor with AMX, or AMD's Zen 4, whose dot products of bfloat16 (AVX-512
/// BF16) have twice float32's rate. Intel's have half of it (docs/log.md, 2026-11-29 and 12-01).
/// Other processors with them were not measured.
@SuppressWarnings("restricted")
final class LibtorchProducts implements BfloatProducts {
  /// And Zen 3, which has no AVX-512.
  private static final String ZEN_4 = "AuthenticAMD 25";

  /// Dot products are faster than vector loops at 256 keys and no faster at 64 (docs/log.md,
  /// 2026-12-01); in between nothing was measured.
  private static final int LEAST_KEYS = 128;

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
      Optional.ofNullable(unit()).map(LibtorchProducts::new);

  /// What multiplies.
  ///
  /// @param leastKeys see [BfloatProducts#leastKeys]
  private record Unit(String name, int leastKeys) {}

  private final Unit unit;

  private LibtorchProducts(Unit unit) {
    this.unit = unit;
  }

  /// Nothing where the processor or this libtorch has none.
  static Optional<BfloatProducts> find() {
    return INSTANCE;
  }

  private static @Nullable Unit unit() {
    if (MULTIPLY == null || RELEASE == null || heldBack()) {
      return null;
    }
    if (says(
        NAMES + "10could_packEN3c1010ScalarTypeE",
        FunctionDescriptor.of(JAVA_BOOLEAN, JAVA_BYTE),
        ScalarType.BFloat16.value)) {
      return new Unit("AMX (libtorch)", 0);
    }
    if (Environment.cpuFamily().equals(ZEN_4)
        && says("_ZN2at3cpu24is_avx512_bf16_supportedEv", FunctionDescriptor.of(JAVA_BOOLEAN))) {
      return new Unit("AVX-512 BF16 (libtorch)", LEAST_KEYS);
    }
    return null;
  }

  /// Whether somebody holds oneDNN to processors without products of bfloat16. It would throw
  /// through Java then, which nothing can catch.
  private static boolean heldBack() {
    return Stream.of("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
        .map(System::getenv)
        .anyMatch(isa -> isa != null && !multiplies(isa));
  }

  /// Whether oneDNN multiplies bfloat16 when it is held to this instruction set.
  static boolean multiplies(String isa) {
    String name = isa.strip().toUpperCase(Locale.ROOT);
    return name.isEmpty()
        || name.equals("ALL")
        || name.equals("DEFAULT")
        || Stream.of("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX10_")
            .anyMatch(name::startsWith);
  }

  /// What a function of libtorch's answers; no where this libtorch lacks it.
  private static boolean says(String function, FunctionDescriptor type, Object... arguments) {
    Optional<MemorySegment> at = symbol(function);
    if (at.isEmpty()) {
      return false;
    }
    try {
      return (boolean)
          Linker.nativeLinker().downcallHandle(at.get(), type).invokeWithArguments(arguments);
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
  public int leastKeys() {
    return unit.leastKeys;
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
    return unit.name;
  }
}
