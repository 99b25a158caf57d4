// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.data.pipeline.TokenizationProgress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `tokenize` and `tokenizer train` as a person uses them.
class TokenizeCommandTest {
  @TempDir Path folder;
  private Path corpus;
  private Path shards;

  @BeforeEach
  void corpus() throws IOException {
    corpus = Files.createDirectories(folder.resolve("corpus"));
    for (int i = 0; i < 20; i++) {
      Files.writeString(corpus.resolve("f" + i), "document " + i + " of plain words\n".repeat(20));
    }
    Files.write(corpus.resolve("binary"), new byte[] {1, 0, 2});
    shards = folder.resolve("shards");
  }

  @Test
  void saysWhatBecameOfTheCorpus() throws IOException {
    Cli run = Cli.run("tokenize", "--corpus", corpus, "--out", shards);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains(
            shards.toString(),
            "tokenizer bytes, 257 ids, 16 bits each",
            "20 documents",
            "    21 files: text\n",
            "left out: 1 binary",
            "binary (3 bytes)");
    assertThat(run.err()).contains("tokenized ").contains(" MB/s");
    Cli again = Cli.run("tokenize", "--corpus", corpus, "--out", shards);
    assertThat(again.exitCode()).isZero();
    assertThat(again.out()).isEqualTo(run.out());
    assertThat(again.err()).as("found, not made").isEmpty();
    Cli other = Cli.run("tokenize", "--corpus", corpus, "--out", shards, "--validation", "0.2");
    assertThat(other.exitCode()).isEqualTo(2);
    assertThat(other.err()).contains("--force replaces them");
    assertThat(
            Cli.run(
                    "tokenize",
                    "--corpus",
                    corpus,
                    "--out",
                    shards,
                    "--validation",
                    "0.2",
                    "--force")
                .exitCode())
        .isZero();
  }

  @Test
  void groupsAreCountedOnBothSides() throws IOException {
    Path repositories = folder.resolve("repositories");
    for (int i = 0; i < 10; i++) {
      Files.createDirectories(repositories.resolve("r" + i));
      Files.writeString(repositories.resolve("r" + i + "/a"), "first of " + i);
      Files.writeString(repositories.resolve("r" + i + "/b"), "second of " + i);
    }
    Cli run =
        Cli.run(
            "tokenize",
            "--corpus",
            repositories,
            "--out",
            shards,
            "--holdout",
            "group",
            "--validation",
            "0.2");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .containsPattern("train +16 documents +8 groups ")
        .containsPattern("validation +4 documents +2 groups ");
    assertThat(Cli.run("inspect", shards).out()).contains(run.out());
    Cli single =
        Cli.run(
            "tokenize",
            "--corpus",
            repositories,
            "--out",
            folder.resolve("none"),
            "--holdout",
            "group",
            "--group-depth",
            0);
    assertThat(single.exitCode()).isEqualTo(2);
    assertThat(single.err())
        .isEqualToIgnoringNewLines(
            "longnet: none of the corpus' 1 groups is held out: take smaller groups "
                + "(--group-depth) or another share (--validation=0.01)");
    assertThat(folder.resolve("none")).doesNotExist();
  }

  @Test
  void weightsAreTrainings() throws IOException {
    Path second = Files.createDirectories(folder.resolve("second=2"));
    Files.writeString(second.resolve("x"), "another text");
    Cli run =
        Cli.run("tokenize", "--corpus", corpus + "=3", "--corpus", second + "=1", "--out", shards);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).contains("weights make no difference to token shards");
    Cli path = Cli.run("tokenize", "--corpus", second, "--out", folder.resolve("one"));
    assertThat(path.exitCode()).as("what is there is a path: " + path.err()).isZero();
    assertThat(path.err()).doesNotContain("weights");
  }

  @Test
  void aTokenizerSaysWhatItLearnedFrom() throws IOException {
    Path out = folder.resolve("t.json");
    Cli run = Cli.run("tokenizer", "train", "--vocab-size", 300, "--corpus", corpus, "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("tokens", corpus + ": 20 documents", "left out: 1 binary");
    Cli refused =
        Cli.run(
            "tokenizer",
            "train",
            "--corpus",
            corpus,
            "--binary",
            "refuse",
            "--out",
            out,
            "--force");
    assertThat(refused.exitCode()).isEqualTo(2);
    assertThat(refused.err().lines().filter(l -> l.startsWith("longnet: "))).hasSize(1);
    assertThat(refused.err()).contains("binary (a NUL byte): binary in " + corpus);
  }

  @Test
  void mistakesAreOneLineAndLeaveNothing() throws IOException {
    Path text =
        Files.writeString(
            folder.resolve("t.json"),
            "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999}}}");
    for (List<Object> options :
        List.<List<Object>>of(
            List.of("--corpus", folder.resolve("absent")),
            List.of("--corpus", corpus, "--tokenizer", "gpt9"),
            List.of("--corpus", corpus, "--tokenizer", folder.resolve("absent.json")),
            List.of("--corpus", corpus, "--tokenizer", text),
            List.of("--corpus", corpus, "--duplicates", "some"),
            List.of("--corpus", corpus, "--validation", "2"),
            List.of("--corpus", corpus, "--threads", "0"),
            List.of("--corpus", corpus, "--binary", "refuse"),
            List.of("--corpus", corpus + "=3", "--corpus", corpus),
            List.of("--corpus", corpus, "--min-bytes", "1000000"))) {
      Object[] words = new Object[options.size() + 3];
      words[0] = "tokenize";
      words[1] = "--out";
      words[2] = shards;
      for (int i = 0; i < options.size(); i++) {
        words[i + 3] = options.get(i);
      }
      Cli run = Cli.run(words);
      assertThat(run.exitCode()).as(options + ": " + run.err()).isEqualTo(2);
      assertThat(run.err().lines().filter(l -> l.startsWith("longnet: "))).as(run.err()).hasSize(1);
      assertThat(run.err()).doesNotContain("\tat ");
      assertThat(shards).doesNotExist();
    }
  }

  @Test
  void walkingToWhereItStoppedIsNoSpeed() {
    String passing =
        TokenizationDisplay.line(new TokenizationProgress(0.25, 5, 100, 100, 0, 0, 3, 0, true));
    assertThat(passing).contains("passing over", "25.0 %").doesNotContain("ETA");
    String working =
        TokenizationDisplay.line(
            new TokenizationProgress(0.75, 5, 100, 100, 50, 0.5, 12, 2, false));
    assertThat(working).contains("75.0 %", "ETA 0:10");
  }

  @Test
  void aFolderOfShardsIsReadAsTheirRows() throws IOException {
    String rows = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
    Path dir = Files.createDirectories(folder.resolve("dir"));
    Files.writeString(dir.resolve("a.json"), rows);
    for (String name : List.of("b.json.gz", "c.json.gz", "d.fa.gz", "e.fna.gz")) {
      String text = name.contains("json") ? rows : ">chr1\nacgt\n>chr2\ntwo\n";
      try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(dir.resolve(name)))) {
        out.write(text.replace("two", name).getBytes(StandardCharsets.UTF_8));
      }
    }
    Cli run = Cli.run("tokenize", "--corpus", dir, "--out", shards);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains(
            "    5 files: 2 FASTA in gzip, 2 JSON lines in gzip, 1 JSON lines\n",
            dir + ": 7 documents");
    Cli text =
        Cli.run("tokenize", "--corpus", dir, "--format", "text", "--out", folder.resolve("raw"));
    assertThat(text.out()).contains("    5 files: text\n");
    Cli refused = Cli.run("tokenize", "--corpus", dir, "--format", "json", "--out", shards);
    assertThat(refused.exitCode()).isEqualTo(2);
    assertThat(refused.err()).contains("--format");
  }
}
