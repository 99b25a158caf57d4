// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchResultsCommandTest {
  private static final String PAGE = "text\n<!-- table:speed -->\n<!-- /table -->\nmore\n";

  @TempDir Path folder;
  private Path page;
  private Path json;

  @BeforeEach
  void write() throws IOException {
    page = Files.writeString(folder.resolve("RESULTS.md"), PAGE);
    json = folder.resolve("speed.json");
    Files.writeString(
        json,
        """
        {"schema": 1, "name": "train", "columns": [{"name": "step", "unit": "s", "type": "number"}],
         "rows": [[0.129]]}
        """);
  }

  @Test
  void writesOnceAndChecks() throws IOException {
    Cli differs = run("--check");
    assertThat(differs.exitCode()).isEqualTo(2);
    assertThat(differs.err())
        .isEqualTo(
            "longnet: %s differs from the tables in %s: run longnet bench results%n"
                .formatted(page, folder));
    assertThat(page).hasContent(PAGE);
    assertThat(run().exitCode()).isZero();
    String written = Files.readString(page);
    assertThat(written)
        .isEqualTo(PAGE.replace("-->\n<", "-->\n| step, s |\n| ---: |\n| 0.129 |\n<"));
    assertThat(run("--check").exitCode()).isZero();
    assertThat(run().out()).contains("is as its tables say");
    assertThat(page).hasContent(written);
  }

  @Test
  void aDamagedFileIsOneLineAndThePageStays() throws IOException {
    Files.writeString(json, Files.readString(json).replace("0.129", "\"fast\""));
    Cli damaged = run();
    assertThat(damaged.exitCode()).isEqualTo(2);
    assertThat(damaged.err())
        .isEqualTo("longnet: column step needs numbers: fast (" + json + ")\n");
    Files.delete(json);
    assertThat(run().err()).isEqualTo("longnet: %s: %s is missing, line 2%n".formatted(page, json));
    assertThat(page).hasContent(PAGE);
    Files.delete(page);
    assertThat(run().err()).isEqualTo("longnet: no such file or directory: " + page + "\n");
    assertThat(run().exitCode()).isEqualTo(2);
  }

  /// A typed command line comes back as one that can be typed.
  @Test
  void theTableKnowsItsCommand() throws IOException {
    Path out = folder.resolve("it's a bench");
    Path text = Files.writeString(folder.resolve("text"), "int a = 1;\n".repeat(500));
    Cli run = Cli.run("bench", "stream", "--tokens", "10000", "--input", text, "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(Files.readString(out.resolve("stream.json")))
        .contains("longnet bench stream --tokens 10000 --input " + text + " --out '")
        .contains("it'\\\\''s a bench'");
  }

  private Cli run(Object... more) {
    Object[] words = new Object[6 + more.length];
    Object[] first = {"bench", "results", "--dir", folder, "--out", page};
    System.arraycopy(first, 0, words, 0, first.length);
    System.arraycopy(more, 0, words, first.length, more.length);
    return Cli.run(words);
  }
}
