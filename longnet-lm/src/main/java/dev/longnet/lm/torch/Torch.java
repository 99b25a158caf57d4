// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.NativeCache;
import java.io.File;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_gloo;

/// Starts libtorch in this process. Every program calls [#load()] before it touches a class of
/// `org.bytedeco.pytorch`.
public final class Torch {
  private static final Logger LOG = System.getLogger(Torch.class.getName());
  private static boolean loaded;
  private static boolean glooLoaded;

  private Torch() {}

  /// Loads libtorch's natives, once; later calls return at once. First use on a machine unpacks 445
  /// MB: JVMs that do so at the same time map half-written libraries and die by SIGBUS, so a lock
  /// beside the cache lets one at a time through.
  ///
  /// @throws EnvironmentException when the natives are missing or do not fit this machine
  public static synchronized void load() {
    if (loaded) {
      return;
    }
    NativeCache.place("org.bytedeco.javacpp.cachedir");
    try {
      unpack(torch.class, org.bytedeco.openblas.global.openblas_nolapack.class);
    } catch (LinkageError e) {
      boolean cuda =
          Torch.class.getResource(
                  "/org/bytedeco/pytorch/" + Loader.getPlatform() + "-gpu/libjnitorch.so")
              != null;
      throw new EnvironmentException(
          mountedNoexec(e).orElse(cuda ? missingCuda(e) : missing(e)), e);
    }
    loaded = true;
    String advice = spinAdvice(System.getenv());
    if (!advice.isEmpty()) {
      LOG.log(Level.WARNING, advice);
    }
  }

  /// Loads what connects the processes of a run as well.
  ///
  /// @throws EnvironmentException when the natives are missing or do not fit this machine
  public static synchronized void loadGloo() {
    load();
    if (glooLoaded) {
      return;
    }
    try {
      unpack(torch_gloo.class);
    } catch (LinkageError e) {
      throw new EnvironmentException(
          "several processes cannot train together on "
              + Loader.getPlatform()
              + ": libtorch's Gloo exists for linux-x86_64 alone; use one process",
          e);
    }
    glooLoaded = true;
    keepQuiet();
  }

  /// Where another process ends, the store's client writes lines with a native stack trace to
  /// standard error, at any later moment. Ranks say themselves what happened, in one line.
  private static void keepQuiet() {
    try (PointerScope _ = new PointerScope()) {
      PointerPointer<BytePointer> words = new PointerPointer<>("longnet", "--caffe2_log_level=3");
      torch.ParseCommandLineFlags(new int[] {2}, words);
    }
  }

  private static void unpack(Class<?>... natives) {
    try {
      File cache = Loader.getCacheDir();
      Path lockFile = cache.toPath().resolve("longnet.lock");
      try (FileChannel channel =
              FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        assert lock.isValid();
        for (Class<?> one : natives) {
          Loader.load(one);
        }
      }
    } catch (IOException e) {
      throw new EnvironmentException(
          "libtorch cannot be unpacked ("
              + e.getMessage()
              + "): make the cache writable with 1 GB free, or name another with -Dorg.bytedeco.javacpp.cachedir=DIR",
          e);
    }
  }

  /// The loader's own words stand in a cause, where it names a library.
  static String missingCuda(Throwable e) {
    String found = "";
    for (Throwable cause = e; cause != null && found.isEmpty(); cause = cause.getCause()) {
      found =
          String.valueOf(cause.getMessage())
              .lines()
              .filter(line -> line.contains("cannot open shared object"))
              .findFirst()
              .orElse("");
    }
    return "libtorch's CUDA build does not load"
        + (found.isEmpty() ? "" : " (" + found.strip() + ")")
        + ": put the folders of CUDA 13's runtime libraries, cuDNN 9 and NCCL into "
        + "LD_LIBRARY_PATH, or build without -gpu";
  }

  /// What the linker says of a library in a file system without programs stands in a cause.
  static Optional<String> mountedNoexec(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      String message = String.valueOf(cause.getMessage());
      if (message.contains("failed to map segment")
          || message.contains("Operation not permitted")) {
        return Optional.of(
            "libtorch's native libraries do not load from their cache, which is mounted noexec: "
                + "name another one with -Dorg.bytedeco.javacpp.cachedir=DIR");
      }
    }
    return Optional.empty();
  }

  private static String missing(LinkageError e) {
    String first = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return "libtorch's native libraries for "
        + Loader.getPlatform()
        + " are missing or do not load ("
        + first
        + "): build on this machine (the build fetches its platform's natives) or with -Djavacpp.platform="
        + Loader.getPlatform();
  }

  /// What to set in the environment so that libtorch's idle threads sleep; empty when all is well.
  /// The libraries read it when they load: too late to change from inside.
  static String spinAdvice(Map<String, String> environment) {
    boolean blas = environment.containsKey("OPENBLAS_THREAD_TIMEOUT");
    boolean omp = environment.containsKey("OMP_WAIT_POLICY");
    if (blas && omp) {
      return "";
    }
    return "libtorch's idle threads will spin beside the Java kernels and take up to a quarter of "
        + "their speed: start with"
        + (blas ? "" : " OPENBLAS_THREAD_TIMEOUT=4")
        + (omp ? "" : " OMP_WAIT_POLICY=PASSIVE")
        + " in the environment";
  }

  /// How many threads a libtorch operation of this thread uses, matrix products included, until the
  /// caller closes what is returned.
  ///
  /// ```java
  /// try (TorchThreads _ = Torch.threads(4)) {
  ///   torch.mm_out(c, a, b);
  /// }
  /// ```
  ///
  /// @param threads positive; 0 for one per processor
  public static TorchThreads threads(int threads) {
    if (threads < 0) {
      throw new IllegalArgumentException("threads must not be negative: threads=" + threads);
    }
    load();
    return new TorchThreads(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
  }

  /// Lets the operations that this thread calls use one thread from now on; for threads that do
  /// nothing else.
  public static void useOneThread() {
    load();
    TorchThreads.set(1);
  }

  /// Threads of a libtorch operation that this thread calls.
  public static int threads() {
    load();
    return torch.get_num_threads();
  }

  /// Waits until a GPU has done all that was asked of it up to now; at once for a tensor of the
  /// CPU's.
  public static void finish(Tensor tensor) {
    if (tensor.is_cuda() && tensor.numel() > 0) {
      try (PointerScope _ = new PointerScope()) {
        Tensor element = tensor;
        while (element.dim() > 0) {
          element = element.select(0, 0); // a view, whatever the strides
        }
        element.item();
      }
    }
  }

  /// Refuses a device that this machine does not have.
  ///
  /// @param field what the device is called in messages
  public static void requireDevice(String field, String device) {
    if (!device.equals("cpu") && !hasCuda()) {
      throw new FieldException(
          "%s must be cpu here, no usable GPU was found (see %s): %s=%s",
          field, Field.of("doctor"), field, device);
    }
  }

  /// Whether this libtorch has CUDA and sees a GPU.
  public static boolean hasCuda() {
    load();
    return torch.hasCUDA() && torch.cuda_is_available();
  }
}
