// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Chooses kernels, keeps one instance of each, and logs once which one runs. This class must load
/// without the Vector API, which only [VectorShapes] and the loops touch.
final class KernelSelection {
  private static final Logger LOGGER = System.getLogger(AttentionKernel.class.getName());
  private static final Map<Simd, AttentionKernel> SIMD = new ConcurrentHashMap<>();
  private static final AttentionKernel SCALAR = new ScalarKernel();
  private static final Map<String, Boolean> SAID = new ConcurrentHashMap<>();

  private record Simd(int bits, @Nullable BfloatProducts products) {}

  private KernelSelection() {}

  static AttentionKernel select(AttentionOptions options) {
    return switch (options.kernel()) {
      case SCALAR -> say(SCALAR, options, "");
      case SIMD -> {
        String missing = missing();
        if (missing != null) {
          throw new IllegalStateException("the simd kernel was asked for, but " + missing);
        }
        yield simd(options);
      }
      case AUTO -> {
        String missing = missing();
        if (missing != null && options.vectorBits() != 0) {
          throw new IllegalStateException(
              "vectors of " + options.vectorBits() + " bits were asked for, but " + missing);
        }
        yield missing == null
            ? simd(options)
            : say(SCALAR, options, " (several times slower than simd: " + missing + ")");
      }
    };
  }

  private static AttentionKernel simd(AttentionOptions options) {
    int own = VectorShapes.preferredBits();
    int bits = options.vectorBits() == 0 ? own : options.vectorBits();
    AttentionKernel kernel =
        SIMD.computeIfAbsent(
            new Simd(bits, options.products()),
            key -> new SimdKernel(VectorShapes.loops(key.bits), key.products));
    return say(
        kernel,
        options,
        bits <= own
            ? ""
            : " (many times slower than this machine's own " + own + " bits: emulated)");
  }

  /// Names what keeps the vector kernel from running, with its remedy. Null when nothing does.
  static @Nullable String missing() {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      return "the JVM was started without the Vector API: add --add-modules jdk.incubator.vector";
    }
    try {
      VectorShapes.preferredBits();
      return null;
    } catch (IllegalCallerException | LinkageError e) {
      return "the JVM denies access to native memory: add --enable-native-access=ALL-UNNAMED ("
          + e.getMessage()
          + ")";
    }
  }

  private static AttentionKernel say(
      AttentionKernel kernel, AttentionOptions options, String reason) {
    String line =
        "attention kernel: "
            + kernel.description()
            + ", "
            + options.threads()
            + (options.threads() == 1 ? " thread" : " threads")
            + reason;
    if (SAID.putIfAbsent(line, true) == null) {
      LOGGER.log(reason.isEmpty() ? Level.INFO : Level.WARNING, line);
    }
    return kernel;
  }
}
