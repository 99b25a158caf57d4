// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorTest {
  private static final long GIB = 1L << 30;

  @Test
  void jdkMustBe25() {
    Path home = Path.of("/jdk");
    assertThat(MachineChecks.jdk(Runtime.Version.parse("25.0.3+9"), "v", home).status())
        .isEqualTo(Check.Status.OK);
    Check old = MachineChecks.jdk(Runtime.Version.parse("17.0.1"), "v", home);
    assertThat(old.status()).isEqualTo(Check.Status.FAIL);
    assertThat(old.remedy()).contains("JDK 25");
    for (String version : new String[] {"25", "25.0.1+8", "25.0.2"}) {
      Check faulty = MachineChecks.jdk(Runtime.Version.parse(version), "v", home);
      assertThat(faulty.status()).as(version).isEqualTo(Check.Status.WARN);
      assertThat(faulty.remedy()).contains("JDK-8377811");
    }
  }

  @Test
  void vectorApiAndCoresWarn() {
    assertThat(MachineChecks.vectorApi(true).status()).isEqualTo(Check.Status.OK);
    assertThat(MachineChecks.vectorApi(false).remedy())
        .contains("--add-modules jdk.incubator.vector");
    assertThat(MachineChecks.cores(1).status()).isEqualTo(Check.Status.WARN);
    assertThat(MachineChecks.cores(2).status()).isEqualTo(Check.Status.OK);
  }

  @Test
  void memoryIsJudgedByWhatIsAvailable() {
    assertThat(MachineChecks.memory(32 * GIB, GIB - 1).status()).isEqualTo(Check.Status.FAIL);
    assertThat(MachineChecks.memory(32 * GIB, 3 * GIB).status()).isEqualTo(Check.Status.WARN);
    assertThat(MachineChecks.memory(32 * GIB, 4 * GIB))
        .isEqualTo(Check.ok("memory", "4.0 GiB of 32.0 GiB available"));
    assertThat(MachineChecks.memory(8 * GIB, 30 * GIB, OptionalLong.of(64 * GIB)))
        .isEqualTo(
            Check.ok(
                "memory",
                "8.0 GiB of 8.0 GiB available (this container's limit; the machine has 64.0 GiB)"));
  }

  @Test
  void diskIsLookedUpAtTheNearestExistingFolder(@TempDir Path folder) {
    Path deep = folder.resolve("not/there/yet");
    assertThat(MachineChecks.disk("runs", deep, 1).status()).isEqualTo(Check.Status.OK);
    assertThat(MachineChecks.disk("runs", deep, Long.MAX_VALUE).status())
        .isEqualTo(Check.Status.FAIL);
  }

  @Test
  void threadPoolsThatSpinOrAreSmallWarn() {
    Map<String, String> quiet =
        Map.of("OPENBLAS_THREAD_TIMEOUT", "4", "OMP_WAIT_POLICY", "passive");
    assertThat(MachineChecks.threadPools(quiet, 2).status()).isEqualTo(Check.Status.OK);
    assertThat(MachineChecks.threadPools(Map.of(), 2).remedy())
        .contains("OPENBLAS_THREAD_TIMEOUT=4");
    Check small =
        MachineChecks.threadPools(
            Map.of(
                "OPENBLAS_THREAD_TIMEOUT",
                "4",
                "OMP_WAIT_POLICY",
                "PASSIVE",
                "OMP_NUM_THREADS",
                "1"),
            8);
    assertThat(small.status()).isEqualTo(Check.Status.WARN);
    assertThat(small.remedy()).contains("unset OMP_NUM_THREADS");
  }

  @Test
  void kernelsOfAnotherProcessorWarn() {
    assertThat(MachineChecks.blasKernels(Map.of()).status()).isEqualTo(Check.Status.OK);
    Check held = MachineChecks.blasKernels(Map.of("OPENBLAS_CORETYPE", "Haswell"));
    assertThat(held.status()).isEqualTo(Check.Status.WARN);
    assertThat(held.finding()).contains("OPENBLAS_CORETYPE=Haswell");
  }

  @Test
  void corpusIsTheJdksSource(@TempDir Path home) throws IOException {
    assertThat(MachineChecks.corpus(home).status()).isEqualTo(Check.Status.WARN);
    Path zip = Files.createDirectories(home.resolve("lib")).resolve("src.zip");
    Files.writeString(zip, "not a zip");
    assertThat(MachineChecks.corpus(home).finding()).contains("can't be read");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
      out.putNextEntry(new ZipEntry("java.base/java/lang/A.java"));
      out.write(new byte[10]);
      out.putNextEntry(new ZipEntry("README"));
      out.write(new byte[10]);
    }
    assertThat(MachineChecks.corpus(home))
        .isEqualTo(Check.ok("corpus", zip + ": 1 Java files, 0 MB"));
  }

  @Test
  void aGpuThatCantBeUsedWarns() {
    assertThat(TorchChecks.gpu(true, true).status()).isEqualTo(Check.Status.OK);
    assertThat(TorchChecks.gpu(false, true).status()).isEqualTo(Check.Status.WARN);
    assertThat(TorchChecks.gpu(false, false).status()).isEqualTo(Check.Status.OK);
  }

  @Test
  void runsOnThisMachine() {
    Cli run = Cli.run("doctor");
    assertThat(run.exitCode()).as(run.out()).isZero();
    assertThat(run.out()).contains("OK    libtorch", "GFLOP/s", "OK    JDK");
  }

  @Test
  void printsFindingsAndRemediesAndFailsWhenACheckFailed() {
    StringWriter out = new StringWriter();
    assertThat(
            DoctorCommand.print(
                List.of(Check.ok("a", "fine"), Check.warn("b", "slow", "speed up")),
                new PrintWriter(out)))
        .isZero();
    assertThat(out.toString())
        .contains("OK    a")
        .contains("-> speed up")
        .endsWith("ready, with 1 warning\n");
    assertThat(
            DoctorCommand.print(List.of(Check.fail("a", "gone", "bring it")), new PrintWriter(out)))
        .isEqualTo(1);
  }
}
