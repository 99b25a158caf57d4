// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A disk that a test may fill: a tmpfs of 64 MiB, which may be made smaller. It needs a user who
/// may mount one; the test is skipped for others.
record SmallDisk(Path path) {
  static final int PAGE = 4096;

  static SmallDisk mount(Path path) throws IOException, InterruptedException {
    Files.createDirectories(path);
    assumeTrue(
        call("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", path.toString()),
        "a tmpfs can be mounted");
    return new SmallDisk(path);
  }

  /// @return whether it succeeded
  static boolean call(String... words) throws IOException, InterruptedException {
    return new ProcessBuilder(words).start().waitFor() == 0;
  }

  void remount(String option) throws IOException, InterruptedException {
    assertThat(call("mount", "-o", "remount," + option, path.toString())).as(option).isTrue();
  }

  void unmount() throws IOException, InterruptedException {
    call("umount", "-l", path.toString());
  }

  /// Pages in use.
  long used() throws IOException {
    return (Files.getFileStore(path).getTotalSpace()
            - Files.getFileStore(path).getUnallocatedSpace())
        / PAGE;
  }
}
