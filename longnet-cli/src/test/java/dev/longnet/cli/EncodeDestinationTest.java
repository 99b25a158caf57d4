// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `encode` finds out where it can't write before it computes, and before it asks whether the run
/// is an encoder.
class EncodeDestinationTest {
  @TempDir Path folder;

  @Test
  void aDestinationThatCannotBeIsRefusedFirst() throws IOException {
    Path input = folder.resolve("in.safetensors");
    SafetensorsWriter.write(
        input, Map.of(), List.of(TensorEntry.of("embeddings", new long[] {1, 1, 2}, 1f, 2f)));
    byte[] before = Files.readAllBytes(input);
    Path file = Files.writeString(folder.resolve("file"), "no folder");
    Path link = Files.createSymbolicLink(folder.resolve("link.safetensors"), input);
    for (Path out : List.of(file.resolve("x.safetensors"), folder, input, link)) {
      Cli run = Cli.run("encode", folder.resolve("no-run"), "--input", input, "--out", out);
      assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
      assertThat(run.err().lines()).hasSize(1);
      assertThat(run.err()).startsWith("longnet: --out ");
    }
    Path mask = Files.copy(input, folder.resolve("mask.safetensors"));
    Cli run =
        Cli.run(
            "encode", folder.resolve("no-run"), "--input", input, "--mask", mask, "--out", mask);
    assertThat(run.err()).contains("--out must not replace what is read");
    assertThat(Files.readAllBytes(input)).isEqualTo(before);
  }
}
