// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectoryReaderTest {
  @TempDir Path temp;

  @Test
  void theStateSeesWhatIsReadThroughLinks() throws IOException {
    Path root = Files.createDirectories(temp.resolve("root/sub"));
    Path outside = Files.createDirectories(temp.resolve("outside/deep"));
    Path far = Files.writeString(outside.resolve("far"), "far away");
    Path near = Files.writeString(root.resolve("near"), "near");
    Files.createSymbolicLink(temp.resolve("root/link"), temp.resolve("outside"));
    Files.createSymbolicLink(root.resolve("gone"), temp.resolve("nowhere"));
    Path source = temp.resolve("root");
    assertThat(Walked.of(source, temp).texts())
        .isEqualTo(Map.of("link/deep/far", "far away", "sub/near", "near"));

    SourceState before = Sources.state(Walked.source(source));
    assertThat(before.bytes()).isEqualTo(12);
    assertThat(Sources.state(Walked.source(source))).isEqualTo(before);
    for (Path changed : new Path[] {far, near}) {
      FileTime time = Files.getLastModifiedTime(changed);
      Files.setLastModifiedTime(changed, FileTime.fromMillis(time.toMillis() - 5000));
      assertThat(Sources.state(Walked.source(source)))
          .as("%s touched", changed)
          .isNotEqualTo(before);
      Files.setLastModifiedTime(changed, time);
      assertThat(Sources.state(Walked.source(source))).isEqualTo(before);
    }
    Files.writeString(outside.resolve("new"), "");
    assertThat(Sources.state(Walked.source(source))).isNotEqualTo(before);
  }
}
