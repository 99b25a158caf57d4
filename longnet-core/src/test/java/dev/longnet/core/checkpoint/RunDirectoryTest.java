// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  @TempDir Path folder;

  @Test
  void oneAtATime() throws Exception {
    Path run = folder.resolve("run");
    RunDirectory first = RunDirectory.create(run);
    Files.writeString(first.recipe(), "name: a\n");
    assertThatThrownBy(() -> RunDirectory.existing(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("another process trains in this run");
    first.close();
    RunDirectory.existing(run).close();
  }

  /// What fails after the lock was taken lets go of it: here a leftover that can't be deleted, its
  /// path being longer than the system takes.
  @Test
  @EnabledOnOs(OS.LINUX)
  void aBeginningThatFailsKeepsNoLock() throws Exception {
    Path run = folder.resolve("run");
    Path deep = deep(run.resolve(".model.tmp-1"));
    Files.writeString(run.resolve("recipe.yaml"), "name: a\n");
    Path more = folder.resolve("more");
    deep(more);
    Path place = deep.resolve("more");
    Files.move(more, place);
    try {
      assertThatThrownBy(() -> RunDirectory.existing(run))
          .rootCause()
          .hasMessageContaining("File name too long");
    } finally {
      Files.move(place, more); // or nobody can delete it
    }
    RunDirectory.existing(run).close();
    assertThat(run.resolve(".model.tmp-1")).doesNotExist();
  }

  /// 2,400 characters below a folder.
  private static Path deep(Path from) throws Exception {
    Path path = from;
    for (int i = 0; i < 12; i++) {
      path = path.resolve("d".repeat(199));
    }
    return Files.createDirectories(path);
  }
}
