// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileReaderTest {
  @TempDir Path temp;

  private Walked walk(String path, DocumentFilter filter) throws IOException {
    return Walked.of(Walked.source(temp.resolve(path)), filter, InputPolicy.DEFAULT, temp);
  }

  @Test
  void filtersLookAtTheFilesOfAGlob() throws IOException {
    Files.createDirectories(temp.resolve("d/test"));
    Files.writeString(temp.resolve("d/a.py"), "a");
    Files.writeString(temp.resolve("d/b.md"), "b");
    Files.writeString(temp.resolve("d/test/c.py"), "c");
    assertThat(
            walk("d/**", new DocumentFilter(List.of(), List.of("test/**"), List.of(), 1, 100))
                .texts())
        .isEqualTo(Map.of("a.py", "a", "b.md", "b"));
    assertThat(
            walk("d/**", new DocumentFilter(List.of("*.md"), List.of(), List.of(), 1, 100)).texts())
        .isEqualTo(Map.of("b.md", "b"));
    Walked python =
        walk("d/**", new DocumentFilter(List.of(), List.of(), List.of("python"), 1, 100));
    assertThat(python.texts()).isEqualTo(Map.of("a.py", "a", "test/c.py", "c"));
    assertThat(python.rejected()).isEqualTo(Map.of("b.md", Reason.FILTERED));
  }

  @Test
  void aFileNamedAloneIsWanted() throws IOException {
    Files.writeString(temp.resolve("genome"), "acgt");
    assertThat(
            walk(
                    "genome",
                    new DocumentFilter(List.of("*.md"), List.of(), List.of("python"), 1, 100))
                .texts())
        .isEqualTo(Map.of("genome", "4 bytes"));
  }

  @Test
  void aFileThatIsGoneIsSaid() throws IOException {
    Admission admission = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    assertThat(
            Walked.of(new TextFileReader(temp.resolve("gone"), "gone", admission, false))
                .rejected())
        .isEqualTo(Map.of("gone", Reason.UNREADABLE));
  }
}
