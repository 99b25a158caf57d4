// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static dev.longnet.cli.Check.fail;
import static dev.longnet.cli.Check.ok;
import static dev.longnet.cli.Check.warn;

import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.source.NativeCode;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.machine.ProcessMemory;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.zip.ZipFile;

/// The checks of `longnet doctor` that need no libtorch. Each takes what it judges as a parameter.
final class MachineChecks {
  private static final long GIB = 1L << 30;

  private MachineChecks() {}

  static Check jdk(Runtime.Version version, String vendor, Path home) {
    String finding = String.format(Locale.ROOT, "%s (%s) at %s", version, vendor, home);
    if (JdkFault.affects(version)) {
      return warn("JDK", finding, JdkFault.REMEDY);
    }
    return version.feature() == 25
        ? ok("JDK", finding)
        : fail(
            "JDK",
            finding,
            "install a JDK 25 (https://adoptium.net) and start through ./longnet, which finds it");
  }

  static Check vectorApi(boolean present) {
    return present
        ? ok("Vector API", "module jdk.incubator.vector is there")
        : warn(
            "Vector API",
            "module jdk.incubator.vector is missing: attention runs on the slow scalar kernel",
            "start through ./longnet, or pass --add-modules jdk.incubator.vector to java");
  }

  static Check cores(int cores) {
    return cores >= 2
        ? ok("cores", cores + " available to this process")
        : warn(
            "cores",
            "1 available to this process",
            "give the container or cgroup at least 2; all works, slowly");
  }

  /// @param total of the machine, or what its container may use, in bytes
  /// @param available what a new process could use without swapping, in bytes
  static Check memory(long total, long available) {
    return memory(total, available, OptionalLong.empty());
  }

  /// @param around of the machine around the container, in bytes; empty outside one
  static Check memory(long total, long available, OptionalLong around) {
    String finding =
        String.format(
            Locale.ROOT, "%s of %s available", gib(Math.min(available, total)), gib(total));
    if (around.isPresent()) {
      finding += " (this container's limit; the machine has " + gib(around.getAsLong()) + ")";
    }
    if (available < GIB) {
      return fail("memory", finding, "close other programs: even the quickstart needs about 2 GiB");
    }
    return available < 4 * GIB
        ? warn(
            "memory",
            finding,
            "enough for the quickstart; `longnet train` says before it starts what a recipe needs")
        : ok("memory", finding);
  }

  static Check disk(String what, Path path, long needed) {
    return disk(what, path, needed, "run where you may write, or change its owner");
  }

  /// @param elsewhere how to name another place
  static Check disk(String what, Path path, long needed, String elsewhere) {
    Path existing = path.toAbsolutePath();
    while (!Files.exists(existing)) {
      existing = Objects.requireNonNull(existing.getParent()); // a root exists
    }
    try {
      FileStore store = Files.getFileStore(existing);
      long usable = store.getUsableSpace();
      String finding = String.format(Locale.ROOT, "%s free at %s (%s)", gib(usable), path, what);
      if (!Files.isWritable(existing)) {
        return fail("disk", "cannot write to " + path + " (" + what + ")", elsewhere);
      }
      return usable < needed
          ? fail("disk", finding, "free at least " + gib(needed))
          : ok("disk", finding);
    } catch (IOException e) {
      return warn(
          "disk",
          "unknown at " + path + ": " + e.getMessage(),
          "check that the folder can be read");
    }
  }

  /// Native pools whose idle threads spin steal cores from the Java kernels; pools smaller than the
  /// machine waste it.
  static Check threadPools(Map<String, String> environment, int cores) {
    StringBuilder finding = new StringBuilder();
    for (String name :
        new String[] {
          "OPENBLAS_THREAD_TIMEOUT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"
        }) {
      if (environment.containsKey(name)) {
        finding
            .append(finding.isEmpty() ? "" : ", ")
            .append(name)
            .append('=')
            .append(environment.get(name));
      }
    }
    boolean spins =
        !"4".equals(environment.get("OPENBLAS_THREAD_TIMEOUT"))
            || !"PASSIVE".equalsIgnoreCase(environment.get("OMP_WAIT_POLICY"));
    if (spins) {
      return warn(
          "thread pools",
          (finding.isEmpty() ? "nothing set" : finding)
              + ": idle native threads spin beside the Java kernels",
          "start through ./longnet, or export OPENBLAS_THREAD_TIMEOUT=4 OMP_WAIT_POLICY=PASSIVE");
    }
    for (String name : new String[] {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) {
      String value = environment.get(name);
      if (value != null && !value.equals(Integer.toString(cores))) {
        return warn(
            "thread pools",
            finding + " on " + cores + " cores",
            "unset " + name + " to use every core");
      }
    }
    return ok("thread pools", finding.toString());
  }

  /// Matrix products as fast as this processor can: on one with AVX-512 another's kernels may halve
  /// them.
  static Check blasKernels(Map<String, String> environment) {
    String core = environment.get("OPENBLAS_CORETYPE");
    return core == null
        ? ok("BLAS kernels", "OpenBLAS chooses those of this processor")
        : warn(
            "BLAS kernels",
            "OPENBLAS_CORETYPE="
                + core
                + " holds OpenBLAS to that processor's, whatever this one is",
            "unset OPENBLAS_CORETYPE and compare the rate above, unless somebody set it for a reason");
  }

  /// The quickstart's corpus: the source of the JDK that runs this.
  static Check corpus(Path javaHome) {
    Path source = javaHome.resolve("lib").resolve("src.zip");
    String remedy =
        "install a JDK that ships lib/src.zip (Temurin does; Debian and Fedora: openjdk-25-source, "
            + "java-25-openjdk-src), or name another corpus: longnet train --corpus PATH";
    if (!Files.isReadable(source)) {
      return warn("corpus", "no " + source, remedy);
    }
    try (ZipFile zip = new ZipFile(source.toFile())) {
      long files = zip.stream().filter(e -> e.getName().endsWith(".java")).count();
      long bytes =
          zip.stream().filter(e -> e.getName().endsWith(".java")).mapToLong(e -> e.getSize()).sum();
      return ok(
          "corpus",
          String.format(
              Locale.ROOT, "%s: %,d Java files, %,d MB", source, files, bytes / 1_000_000));
    } catch (IOException e) {
      return warn("corpus", source + " can't be read: " + e.getMessage(), remedy);
    }
  }

  static Check memory() {
    return memory(
        ProcessMemory.total(), ProcessMemory.available(), ProcessMemory.aroundContainer());
  }

  /// Token shards go here unless a command names another place.
  static Check tokenCache(long needed) {
    String elsewhere = "set XDG_CACHE_HOME to a directory you may write to, or change its owner";
    try {
      return disk("token shards go here", Tokenization.cacheDirectory(), needed, elsewhere);
    } catch (EnvironmentException e) {
      return fail("disk", "no place for token shards", e.getMessage());
    }
  }

  /// The native code of zstd, Snappy and Brotli, which unpacks below `java.io.tmpdir`.
  static Check decoders() {
    try {
      NativeCode.load();
      return ok("decoders", "zstd, Snappy and Brotli load");
    } catch (EnvironmentException e) {
      return fail("decoders", "zstd, Snappy or Brotli does not load", e.getMessage());
    }
  }

  private static String gib(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", (double) bytes / GIB);
  }
}
