// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A disk that is full before the first page is written, after it, after the second, and so on
/// until the command has room; one that takes a first file, a second, and so on; and a process that
/// may open fewer and fewer files. Each time: one line, exit code 1, nothing half-written, and with
/// room again the same result as ever.
///
/// The disk is a small tmpfs, so this needs a user who may mount one. `-Dlongnet.disk.tries=40` is
/// how many sizes are tried, between nothing and enough.
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class FullDiskTest {
  @TempDir Path folder;
  private SmallDisk disk;

  @BeforeEach
  void mount() throws Exception {
    disk = SmallDisk.mount(folder.resolve("disk"));
    // A tmpfs of no pages is one without a limit: with this one it has room for none.
    Files.write(disk.path().resolve("full"), new byte[SmallDisk.PAGE]);
  }

  @AfterEach
  void unmount() throws Exception {
    if (disk != null) {
      disk.unmount();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFullDiskIsOneLine(WritingJob job) throws Exception {
    Path inputs = WritingJob.inputs(folder);
    Path reference = reference(job, inputs);
    List<Long> sizes = new ArrayList<>();
    long all = disk.used() - 1;
    for (long pages : tries(all)) {
      if (!fails(job, inputs, reference, "size=" + (pages + 1) * SmallDisk.PAGE, "size=64m")) {
        break;
      }
      sizes.add(pages);
    }
    System.out.printf("%s: a disk full at %d of %d pages%n", job, sizes.size(), all);
    assertThat(sizes).isNotEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void aDiskThatTakesNoMoreFilesIsOneLine(WritingJob job) throws Exception {
    Path inputs = WritingJob.inputs(folder);
    Path reference = reference(job, inputs);
    int failures = 0;
    // Its own root, the full page and the directory of what is written take three already.
    for (int inodes = 3; inodes < 200; inodes++) {
      if (!fails(job, inputs, reference, "nr_inodes=" + inodes, "nr_inodes=10000")) {
        break;
      }
      failures++;
    }
    System.out.printf("%s: a disk without room for %d numbers of files%n", job, failures);
    assertThat(failures).isPositive();
  }

  @ParameterizedTest
  @EnumSource
  void aLimitOfDescriptorsIsOneLine(WritingJob job) throws Exception {
    assumeTrue(
        SmallDisk.call("prlimit", "--version"), "limits of a running process can be changed");
    Path inputs = WritingJob.inputs(folder);
    Path reference = reference(job, inputs);
    Path mistake = folder.resolve("nothing");
    Cli.run("stream", mistake, "--input", mistake); // what an error needs is loaded once
    int failures = 0;
    try (Limit limit = Limit.start()) {
      for (int more = -6; more < 60; more++) { // below what is open already, nothing more opens
        Path out = out();
        Cli run;
        limit.set(open() + more);
        try {
          run = Cli.run(job.command(inputs, out).toArray());
        } finally {
          limit.set(1024);
        }
        if (run.exitCode() == 0) {
          break;
        }
        failures++;
        assertOneLine(run);
        goesOn(job, inputs, out, reference);
      }
    }
    System.out.printf("%s: %d limits of descriptors too low%n", job, failures);
    assertThat(failures).isPositive();
  }

  /// Sets this process's limit of descriptors through a shell that is open already: to start
  /// anything needs descriptors.
  private record Limit(Process shell, BufferedReader said) implements AutoCloseable {
    static Limit start() throws IOException {
      Process shell = new ProcessBuilder("sh").start();
      return new Limit(shell, shell.inputReader());
    }

    void set(long descriptors) throws IOException {
      long pid = ProcessHandle.current().pid();
      shell
          .outputWriter()
          .append("prlimit --pid " + pid + " --nofile=" + descriptors + ": && echo ok || echo no\n")
          .flush();
      assertThat(said.readLine()).isEqualTo("ok");
    }

    @Override
    public void close() {
      shell.destroy();
    }
  }

  private static long open() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      return files.count();
    }
  }

  private Path reference(WritingJob job, Path inputs) throws IOException {
    assumeTrue(job.isWanted());
    Path reference = Files.createDirectories(folder.resolve("reference"));
    job.finish(inputs, reference);
    Path out = out();
    job.finish(inputs, out);
    return reference;
  }

  private Path out() throws IOException {
    Path out = disk.path().resolve("out");
    WritingJob.clear(out);
    Path link = folder.resolve("out");
    if (!Files.isSymbolicLink(link)) {
      Files.createSymbolicLink(link, out);
    }
    return link;
  }

  /// @param limit of the disk, for one call of the command
  /// @return false where the command had room enough
  private boolean fails(WritingJob job, Path inputs, Path reference, String limit, String room)
      throws IOException, InterruptedException {
    Path out = out();
    disk.remount(limit);
    Cli run = Cli.run(job.command(inputs, out).toArray());
    disk.remount(room);
    if (run.exitCode() == 0) {
      return false;
    }
    assertOneLine(run);
    goesOn(job, inputs, out, reference);
    return true;
  }

  /// The last one, behind what the command said of its progress.
  private static void assertOneLine(Cli run) {
    assertThat(run.exitCode()).as(run.toString()).isEqualTo(1);
    assertThat(run.err().lines().filter(l -> l.contains("internal error") || l.contains("\tat ")))
        .as(run.err())
        .isEmpty();
    assertThat(run.err().lines().toList().getLast()).as(run.err()).startsWith("longnet: ");
  }

  private static void goesOn(WritingJob job, Path inputs, Path out, Path reference)
      throws IOException {
    job.check(out);
    assertThat(WritingJob.leftovers(out)).isEmpty();
    job.finish(inputs, out);
    job.same(reference, out);
  }

  private static List<Long> tries(long all) {
    int tries = Integer.getInteger("longnet.disk.tries", 40);
    List<Long> sizes = new ArrayList<>();
    long last = -1;
    for (int i = 0; i <= tries; i++) {
      // Runs that keep fewer checkpoints than they write need more than what is left of them.
      long pages = Math.max(last + 1, 2 * all * i / tries);
      sizes.add(pages);
      last = pages;
    }
    return sizes;
  }
}
