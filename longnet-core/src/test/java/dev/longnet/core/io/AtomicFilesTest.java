// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir Path folder;

  @Test
  void replacesWhole() throws IOException {
    Path target = folder.resolve("new/deep/file");
    AtomicFiles.writeString(target, "one");
    AtomicFiles.writeString(target, "two");
    assertThat(target).hasContent("two");
    assertThat(names(target.getParent())).containsExactly("file");
  }

  @Test
  void aFailureLeavesTheOldFileAndNoTemporary() throws IOException {
    Path target = Files.writeString(folder.resolve("file"), "old");
    assertThatThrownBy(() ->
            AtomicFiles.write(
                target,
                out -> {
                  out.write(new byte[100_000]);
                  throw new IOException("No space left on device");
                }))
        .isInstanceOfSatisfying(
            FileSystemException.class,
            e -> {
              assertThat(e.getFile()).isEqualTo(target.toString());
              assertThat(e.getReason()).isEqualTo("No space left on device");
            });
    assertThatThrownBy(() ->
            AtomicFiles.writeFile(
                target,
                temporary -> {
                  Files.writeString(temporary, "half");
                  throw new IllegalArgumentException("no");
                }))
        .hasMessage("no");
    assertThat(target).hasContent("old");
    assertThat(names(folder)).containsExactly("file");
  }

  /// Temporaries of processes that were killed, of this host and of another one that sees the
  /// folder.
  @Test
  void whatADeadProcessOfThisHostLeftIsRemoved() throws Exception {
    Path target = folder.resolve("file");
    String[] own = {""};
    AtomicFiles.writeFile(
        target,
        temporary -> {
          own[0] = temporary.getFileName().toString();
          Files.writeString(temporary, "x");
        });
    String pid = Long.toString(ProcessHandle.current().pid());
    String host = own[0].substring(0, own[0].length() - pid.length());
    assertThat(own[0]).startsWith(".file.tmp-").endsWith(pid);
    Process ended = new ProcessBuilder("true").start();
    ended.waitFor();
    Path dead = Files.writeString(folder.resolve(host + ended.pid()), "half");
    Path deadDirectory = Files.createDirectories(folder.resolve(host + "999999999/deep"));
    Path living =
        Files.writeString(
            folder.resolve(host + ProcessHandle.current().parent().get().pid()), "half");
    Path elsewhere =
        Files.writeString(folder.resolve(".file.tmp-1234567890" + ended.pid()), "half");
    Path others =
        Files.writeString(folder.resolve(host.replace("file", "other") + ended.pid()), "half");
    AtomicFiles.writeString(target, "new");
    assertThat(dead).doesNotExist();
    assertThat(deadDirectory.getParent()).doesNotExist();
    assertThat(List.of(living, elsewhere, others)).allMatch(Files::exists);
    assertThat(List.of(living, elsewhere, others)).allMatch(AtomicFiles::isLeftover);
    assertThat(target).hasContent("new");
  }

  @Test
  void directoriesAppearWholeOrNotAtAll() throws IOException {
    Path target = folder.resolve("d");
    assertThatThrownBy(() ->
            AtomicFiles.writeDirectory(
                target,
                d -> {
                  Files.writeString(d.resolve("a"), "1");
                  throw new IOException("disk");
                }))
        .isInstanceOf(IOException.class);
    assertThat(names(folder)).isEmpty();
    AtomicFiles.writeDirectory(target, d -> Files.writeString(d.resolve("a"), "1"));
    assertThat(target.resolve("a")).hasContent("1");
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aLinkStaysALink() throws IOException {
    Path real = Files.writeString(folder.resolve("real"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);
    AtomicFiles.writeString(link, "new");
    assertThat(link).isSymbolicLink();
    assertThat(real).hasContent("new");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void devicesAreWrittenNotReplaced() throws IOException {
    AtomicFiles.writeString(Path.of("/dev/null"), "x");
    assertThatThrownBy(() -> AtomicFiles.writeString(Path.of("/dev/full"), "x"))
        .isInstanceOfSatisfying(
            FileSystemException.class, e -> assertThat(e.getReason()).contains("No space left"));
    assertThat(Files.isRegularFile(Path.of("/dev/full"))).isFalse();
    assertThatThrownBy(() -> AtomicFiles.writeFile(Path.of("/dev/null"), t -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("/dev/null");
    assertThatThrownBy(() -> AtomicFiles.writeString(folder, "x"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void checksATargetBeforeTheWork() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    for (Path good :
        new Path[] {
          null, file, folder.resolve("new/deep/file"), Path.of("relative"), Path.of("/dev/stdout")
        }) {
      AtomicFiles.check("--json", good);
    }
    assertThat(names(folder)).containsExactly("file");
    assertThatThrownBy(() -> AtomicFiles.check("--json", folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("--json must name a file, not a directory: " + folder);
    assertThatThrownBy(() -> AtomicFiles.check("--json", file.resolve("below/it")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("--json can't be written, " + file);
  }

  private static java.util.List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(p -> p.getFileName().toString()).toList();
    }
  }
}
