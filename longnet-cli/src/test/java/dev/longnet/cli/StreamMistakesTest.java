// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `stream` and `generate` refuse, in one line.
class StreamMistakesTest {
  @TempDir static Path folder;
  private static Path checkpoint;
  private static Path text;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(folder.resolve("model"));
    text = TinyCheckpoint.text(folder.resolve("text.txt"));
  }

  @Test
  void mistakesAreOneLine() throws IOException {
    Path state =
        Files.write(
            folder.resolve("bad.state"),
            "something else entirely".getBytes(StandardCharsets.UTF_8));
    Cli.refused("no such file", "stream", checkpoint, "--input", folder.resolve("missing"));
    Cli.refused(
        "not a saved stream state", "stream", checkpoint, "--input", text, "--load-state", state);
    Cli.refused("not a saved stream state", "generate", checkpoint, "--load-state", state);
    Cli.refused(
        "no such file", "generate", checkpoint, "--load-state", folder.resolve("none.state"));
    Cli.refused(
        "not a saved stream state but a directory",
        "stream",
        checkpoint,
        "--input",
        text,
        "--load-state",
        folder);
    Cli.refused("must be a file, not a directory", "generate", checkpoint, "--prompt-file", folder);
    Path zip = Files.writeString(folder.resolve("broken.zip"), "no archive");
    Cli.refused("not an archive, or a damaged one: " + zip, "stream", checkpoint, "--input", zip);
    Cli.refused("--report-every=0", "stream", checkpoint, "--input", text, "--report-every", 0);
    Cli.refused("--max-tokens", "stream", checkpoint, "--input", text, "--repeat");
    Cli.refused("threads=0", "stream", checkpoint, "--input", text, "--threads", 0);
  }

  /// Before anything is read: the work would be lost.
  @Test
  void destinationsThatCantBeWrittenAreRefusedAtOnce() {
    Path below = text.resolve("below.state");
    Cli.refused(
        "--json must name a file, not a directory: " + folder,
        "stream",
        checkpoint,
        "--input",
        text,
        "--json",
        folder);
    Cli.refused(
        "--save-state must name a file, not a directory",
        "stream",
        checkpoint,
        "--input",
        text,
        "--save-state",
        folder);
    Cli.refused("--json can't be written", "stream", checkpoint, "--input", text, "--json", below);
    Cli.refused(
        "--save-state can't be written, " + text,
        "stream",
        checkpoint,
        "--input",
        text,
        "--save-state",
        below);
    Cli.refused(
        "--save-state must name a file, not a directory",
        "generate",
        checkpoint,
        "--prompt",
        "int",
        "--save-state",
        folder);
    Cli.refused(
        "--save-state can't be written",
        "generate",
        checkpoint,
        "--prompt",
        "int",
        "--save-state",
        below);
  }

  @Test
  void aDamagedStateIsRefusedWhereverTheDamageIs() throws IOException {
    byte[] whole =
        Files.readAllBytes(TinyCheckpoint.stream(checkpoint, text, folder.resolve("saved.state")));
    Path state = folder.resolve("damaged.state");
    for (int length : new int[] {0, 5, 11, 40, 60, 100, whole.length / 2, whole.length - 1}) {
      Files.write(state, java.util.Arrays.copyOf(whole, length));
      Cli.refused("state: " + state, "stream", checkpoint, "--input", text, "--load-state", state);
    }
    for (int at : new int[] {50, 64, 70, 200, whole.length / 2, whole.length - 1}) {
      byte[] bytes = whole.clone();
      bytes[at] ^= 16;
      Files.write(state, bytes);
      Cli.refused("state: " + state, "generate", checkpoint, "--load-state", state);
    }
    byte[] newer = whole.clone();
    newer[11] = 2;
    Files.write(state, newer);
    Cli.refused("version=2", "generate", checkpoint, "--load-state", state);
  }
}
