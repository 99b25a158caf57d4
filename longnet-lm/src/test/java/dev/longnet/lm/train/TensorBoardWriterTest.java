// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardWriterTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.ofEpochSecond(1_800_000_000), ZoneOffset.UTC);

  @TempDir Path directory;

  /// The bytes TensorBoard's own writer gives for these events (made with tensorboard 2.21's
  /// RecordWriter).
  @Test
  void writesTheBytesOfTensorBoardsOwnWriter() throws Exception {
    try (TensorBoardWriter writer = TensorBoardWriter.open(directory, 0, CLOCK)) {
      writer.scalars(300, Map.of("train/loss", 2.5));
    }
    assertThat(HexFormat.of().formatHex(Files.readAllBytes(onlyFile()))).isEqualTo(GOLDEN);
  }

  @Test
  void twoSessionsInOneSecondDoNotShareAFile() throws Exception {
    TensorBoardWriter.open(directory, 0, CLOCK).close();
    TensorBoardWriter.open(directory, 5, CLOCK).close();
    try (var files = Files.list(directory)) {
      assertThat(files).hasSize(2);
    }
  }

  private Path onlyFile() throws Exception {
    try (var files = Files.list(directory)) {
      List<Path> all = files.toList();
      assertThat(all).hasSize(1);
      return all.getFirst();
    }
  }

  private static final String GOLDEN =
      "1800000000000000a37f4b22090000008074d2da411a0d627261696e2e4576656e743a3248f03b53"
          + "2100000000000000017becf6090000008074d2da4110ac022a130a110a0a747261696e2f6c6f7373"
          + "15000020408c7e949c";
}
