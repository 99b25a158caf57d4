// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class RecordFileTest {
  @TempDir Path folder;

  @Test
  void itGrowsBehindWhatIsThere() throws IOException {
    Path file = Files.writeString(folder.resolve("records"), "one\n");
    try (RecordFile records = new RecordFile(file, StandardOpenOption.CREATE)) {
      records.append("two\n".getBytes(StandardCharsets.UTF_8));
      assertThat(file).hasContent("one\ntwo\n");
      records.append("three\n".getBytes(StandardCharsets.UTF_8));
    }
    assertThat(file).hasContent("one\ntwo\nthree\n");
  }

  /// A disk of two pages takes the beginning of what is too long, which goes again.
  @EnabledOnOs(OS.LINUX)
  @Test
  void whatHasNoRoomLeavesNothing() throws Exception {
    Path disk = Files.createDirectories(folder.resolve("disk"));
    assumeTrue(
        call("mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", disk.toString()),
        "a tmpfs can be mounted");
    Path file = disk.resolve("records");
    try (RecordFile records = new RecordFile(file, StandardOpenOption.CREATE_NEW)) {
      records.append(new byte[5000]);
      assertThatThrownBy(() -> records.append(new byte[5000]))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("No space left on device");
      assertThat(file).hasSize(5000);
      records.append(new byte[100]);
      assertThat(file).hasSize(5100);
    } finally {
      call("umount", "-l", disk.toString());
    }
  }

  private static boolean call(String... words) throws IOException, InterruptedException {
    return new ProcessBuilder(words).start().waitFor() == 0;
  }
}
