// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `longnet doctor`: what this machine offers, and the remedy for what it lacks. Exits with 1 when
/// something is missing without which nothing runs.
@Command(
    name = "doctor",
    description =
        "Checks this machine: JDK, Vector API, libtorch, cores, memory, disk, decoders, GPU, corpus; says the remedies.",
    mixinStandardHelpOptions = true,
    footer = {"", "Example:", "  longnet doctor", "", "Exit code: 0, or 1 when a check failed."})
final class DoctorCommand implements Callable<Integer> {
  private static final long GIB = 1L << 30;

  @Spec CommandSpec spec;

  @Override
  public Integer call() {
    Path javaHome = Path.of(System.getProperty("java.home"));
    Path natives =
        Path.of(
            System.getProperty(
                "org.bytedeco.javacpp.cachedir",
                System.getProperty("user.home") + "/.javacpp/cache"));
    int cores = Runtime.getRuntime().availableProcessors();
    List<Check> checks = new ArrayList<>();
    checks.add(MachineChecks.jdk(Runtime.version(), System.getProperty("java.vendor"), javaHome));
    checks.add(
        MachineChecks.vectorApi(ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()));
    checks.add(MachineChecks.cores(cores));
    checks.add(MachineChecks.memory());
    checks.add(MachineChecks.disk("runs go here", Path.of("").toAbsolutePath(), 2 * GIB));
    checks.add(
        MachineChecks.disk(
            "libtorch unpacks here once",
            natives,
            GIB,
            "name another place with LONGNET_JAVA_OPTS=-Dorg.bytedeco.javacpp.cachedir=DIR, or change its owner"));
    checks.add(MachineChecks.tokenCache(GIB));
    checks.add(MachineChecks.decoders());
    checks.addAll(TorchChecks.all());
    checks.add(MachineChecks.threadPools(System.getenv(), cores));
    checks.add(MachineChecks.blasKernels(System.getenv()));
    checks.add(MachineChecks.corpus(javaHome));
    return print(checks, spec.commandLine().getOut());
  }

  /// @return the exit code
  static int print(List<Check> checks, PrintWriter out) {
    for (Check check : checks) {
      out.printf(Locale.ROOT, "%-4s  %-12s  %s%n", check.status(), check.name(), check.finding());
      if (!check.remedy().isEmpty()) {
        out.printf(Locale.ROOT, "%-4s  %-12s  -> %s%n", "", "", check.remedy());
      }
    }
    long failed = checks.stream().filter(c -> c.status() == Check.Status.FAIL).count();
    long warned = checks.stream().filter(c -> c.status() == Check.Status.WARN).count();
    out.println(
        failed > 0
            ? failed + " of " + checks.size() + " checks failed"
            : "ready"
                + (warned > 0
                    ? ", with " + warned + (warned == 1 ? " warning" : " warnings")
                    : ""));
    out.flush();
    return failed > 0 ? 1 : 0;
  }
}
