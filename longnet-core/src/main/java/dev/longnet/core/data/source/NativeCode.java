// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.github.luben.zstd.util.Native;
import dev.longnet.core.io.EnvironmentException;
import org.jspecify.annotations.Nullable;
import org.xerial.snappy.Snappy;
import org.xerial.snappy.SnappyError;

/// Tells a decoder's native code that does not load, the machine's fault, from a damaged file.
public final class NativeCode {
  private NativeCode() {}

  /// Loads all of it; decoders do so when they are first needed.
  ///
  /// @throws EnvironmentException with the remedy, where one does not load
  public static void load() {
    try {
      Native.load();
      Snappy.getNativeLibraryVersion();
      Brotli4jLoader.ensureAvailability();
    } catch (LinkageError | SnappyError e) {
      throw missing(e);
    }
  }

  /// @throws EnvironmentException with the remedy, where native code is what failed
  static void check(@Nullable Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (e instanceof EnvironmentException environment) {
        throw environment;
      }
      if (e instanceof LinkageError || e instanceof SnappyError) {
        throw missing(e);
      }
      if (e.getCause() == e) {
        return;
      }
    }
  }

  private static EnvironmentException missing(Throwable e) {
    return new EnvironmentException(
        "a decoder's native library does not load from "
            + System.getProperty("java.io.tmpdir")
            + " ("
            + reason(e)
            + "): name a directory that is writable and not mounted noexec: "
            + "-Djava.io.tmpdir=DIR (LONGNET_JAVA_OPTS=-Djava.io.tmpdir=DIR for ./longnet)",
        e);
  }

  /// Why a native library did not load, in the system's words.
  public static String reason(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    String reason = String.valueOf(root.getMessage()).lines().findFirst().orElse("");
    // The library's temporary name stands before it, once or twice.
    return reason.replaceAll("^(\\S+: )+", "").strip();
  }
}
