// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The process's locale, charset and current directory decide nothing that is written.
class SurroundingsTest {
  @TempDir Path folder;

  /// A locale with digits of its own.
  @Test
  void aRunOfAnyLocaleIsReadInEveryOther() throws Exception {
    aRunOfAnyLocaleIsReadInEveryOther("fa", "IR");
  }

  /// Other digits, and letters of its own.
  @ParameterizedTest
  @CsvSource({"ar, EG", "tr, TR"})
  @Tag("slow")
  void aRunOfAnyLocaleIsReadInEveryOther(String language, String country) throws Exception {
    Path recipe = TinyRecipe.write(folder);
    Path run = folder.resolve("run");
    List<String> locale = List.of("-Duser.language=" + language, "-Duser.country=" + country);
    Child train =
        Child.java(
                folder,
                locale,
                "train",
                "--recipe",
                recipe,
                "--out",
                run,
                "--set",
                "training.steps=20")
            .succeeds();
    assertThat(onlyAsciiDigits(train.out() + train.err())).isTrue();
    try (Stream<Path> files = Files.walk(run)) {
      for (Path file : files.toList()) {
        assertThat(onlyAsciiDigits(file.toString())).as(file.toString()).isTrue();
        if (file.toString().matches(".*\\.(yaml|jsonl?|html|txt)")) {
          assertThat(onlyAsciiDigits(Files.readString(file))).as(file.toString()).isTrue();
        }
      }
    }
    assertThat(run.resolve("checkpoints/step-00000020")).isDirectory();
    Cli eval = Cli.run("eval", run, "--lengths", 16, "--max-tokens", 64);
    assertThat(eval.exitCode()).as(eval.err()).isZero();
    Child on =
        Child.java(folder, locale, "train", "--resume", "--out", run, "--set", "training.steps=30")
            .succeeds();
    assertThat(on.out()).contains("resumed after step 20");
  }

  @Test
  void aRunGoesOnFromEveryDirectory() throws Exception {
    Path first = Files.createDirectory(folder.resolve("first"));
    Path other = Files.createDirectory(folder.resolve("other"));
    TinyRecipe.write(first);
    Child.java(
            first,
            List.of(),
            "tokenizer",
            "train",
            "--vocab-size",
            300,
            "--corpus",
            "corpus",
            "--out",
            "t.json")
        .succeeds();
    Path recipe = first.resolve("relative.yaml");
    Files.writeString(
        recipe,
        Files.readString(first.resolve("tiny.yaml"))
            .replace(first.resolve("corpus").toString(), "corpus")
            .replace("tokenizer: bytes", "tokenizer: t.json"));
    assertThat(recipe).content().contains("sources: ['corpus'], tokenizer: t.json");
    Child.java(first, List.of(), "train", "--recipe", recipe, "--out", "run", "--max-steps", 10)
        .succeeds();
    Path run = first.resolve("run");
    assertThat(run.resolve("recipe.yaml"))
        .content()
        .contains(first.resolve("corpus").toString())
        .contains(first.resolve("t.json").toString());
    Child moved =
        Child.java(other, List.of(), "train", "--resume", "--out", run, "--max-steps", 20)
            .succeeds();
    assertThat(moved.out()).contains("resumed after step 10").doesNotContain("its copy in the run");
    Child.java(other, List.of(), "eval", run, "--lengths", 16, "--max-tokens", 64).succeeds();

    Files.delete(first.resolve("t.json"));
    Child copy =
        Child.java(other, List.of(), "train", "--resume", "--out", run, "--max-steps", 30)
            .succeeds();
    assertThat(copy.out()).contains("resumed after step 20");
    assertThat(copy.err()).contains("its copy in the run is used");
  }

  /// A temporary folder that cannot be made fails decoders as one that is mounted noexec does.
  @ParameterizedTest
  @ValueSource(strings = {"rows.jsonl.zst", "brotli.parquet", "snappy.parquet"})
  void nativeCodeThatDoesNotLoadIsTheMachinesFault(String name) throws Exception {
    Path corpus = folder.resolve(name);
    if (name.endsWith(".zst")) {
      Files.write(corpus, Zstd.compress("{\"text\": \"a\"}\n".getBytes(StandardCharsets.UTF_8)));
    } else {
      Files.copy(Path.of("../longnet-core/src/test/resources/corpora", name), corpus);
    }
    Child tokenize =
        Child.java(
            folder,
            List.of("-Djava.io.tmpdir=" + corpus.resolve("no/folder")),
            "tokenize",
            "--corpus",
            corpus,
            "--tokenizer",
            "bytes",
            "--text-field",
            name.startsWith("snappy") ? "content" : "text",
            "--out",
            folder.resolve("shards"));
    assertThat(tokenize.exitCode()).as(tokenize.toString()).isEqualTo(1);
    assertThat(tokenize.err())
        .contains("native library does not load")
        .contains("LONGNET_JAVA_OPTS=-Djava.io.tmpdir=DIR")
        .doesNotContain("\tat dev.longnet."); // snappy-java prints a trace of its own
  }

  @Test
  void aHomeThatCannotBeWrittenSaysWhatToSet() throws Exception {
    assumeTrue(System.getenv("XDG_CACHE_HOME") == null);
    Path recipe = TinyRecipe.write(folder);
    Path file = Files.writeString(folder.resolve("file"), "no directory");
    for (String home : List.of(file.resolve("home").toString(), "?")) {
      Child train =
          Child.java(
              folder,
              List.of(
                  "-Duser.home=" + home,
                  "-Dorg.bytedeco.javacpp.cachedir="
                      + System.getProperty("user.home")
                      + "/.javacpp/cache"),
              "train",
              "--recipe",
              recipe,
              "--out",
              "run");
      assertThat(train.exitCode()).as(train.toString()).isEqualTo(1);
      assertThat(train.err()).contains("XDG_CACHE_HOME").doesNotContain("\tat ");
    }
  }

  /// Libraries unpack native code below the home, and the home of a user without one is `?`.
  @Test
  void nothingIsUnpackedWhereTheCommandIsCalled() throws Exception {
    assumeTrue(System.getenv("XDG_CACHE_HOME") == null);
    Path recipe = TinyRecipe.write(folder);
    Path tokenizer = folder.resolve("t.json");
    Cli learned =
        Cli.run("tokenizer", "train", "--vocab-size", 300, "--corpus", recipe, "--out", tokenizer);
    assertThat(learned.exitCode()).as(learned.err()).isZero();
    Path here = Files.createDirectory(folder.resolve("here"));
    List<List<Object>> commands =
        List.of(
            List.of("train", "--recipe", recipe, "--out", "run"),
            List.of("tokenize", "--corpus", recipe, "--tokenizer", tokenizer, "--out", "shards"));
    for (List<Object> command : commands) {
      Child run = Child.java(here, List.of("-Duser.home=?"), command.toArray());
      assertThat(run.exitCode()).as(run.toString()).isEqualTo(1);
      assertThat(run.err()).contains("no home directory").contains("XDG_CACHE_HOME");
      assertThat(here.resolve("?")).doesNotExist();
    }
  }

  @Test
  void argumentsThatTheCharsetLosesAreRefused() {
    String[] lost = {"generate", "run", "--prompt", "caf\uFFFD\uFFFD"};
    assertThat(Main.lostCharacters("an argument", "ANSI_X3.4-1968", lost).orElseThrow())
        .isEqualTo(
            "the locale's charset ANSI_X3.4-1968 cannot express an argument: "
                + "set LC_ALL=C.UTF-8 (or another UTF-8 locale): caf\uFFFD\uFFFD");
    assertThat(Main.lostCharacters("an argument", "UTF-8", lost)).isEmpty();
    assertThat(Main.lostCharacters("an argument", "ANSI_X3.4-1968", "generate", "--prompt", "cafe"))
        .isEmpty();
    String e = new String(new byte[] {(byte) 0xc3, (byte) 0xa9}, StandardCharsets.UTF_8);
    assertThat(Main.lostCharacters("an argument", "ISO-8859-1", e)).isEmpty();
  }

  private static boolean onlyAsciiDigits(String text) throws IOException {
    return text.codePoints().noneMatch(c -> Character.isDigit(c) && c > '9');
  }
}
