// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.tokenizer.RandomText;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Builds that were interrupted and taken up again: what they leave, what they do twice, what they
/// say.
class InterruptedBuildTest {
  /// Marks what a run left: whoever writes a file again removes the mark.
  private static final FileTime LEFT = FileTime.fromMillis(1_000_000_000_000L);

  @TempDir Path temp;

  private final List<TokenizationProgress> heard = new ArrayList<>();

  /// Stopped at many points, the shards are those of one straight run.
  @ParameterizedTest
  @CsvSource({
    "EXACT, DOCUMENT, 30000",
    "EXACT, GROUP, 30000",
    "NEAR, DOCUMENT, 30000",
    "NONE, DOCUMENT, 4000"
  })
  void anInterruptedBuildGoesOn(Duplicates.Kind kind, Holdout.Kind holdout, long shardBytes)
      throws IOException {
    Path corpus = temp.resolve("corpus");
    Random random = new Random(5);
    for (int i = 0; i < 150; i++) {
      Path file = corpus.resolve("p" + i % 5 + "/f" + i);
      Files.createDirectories(file.getParent());
      Files.writeString(file, i + " " + text(random));
    }
    byte[] large = new byte[5_300_000];
    new Random(6).nextBytes(large);
    large[0] = 'x';
    for (int i = 0; i < large.length; i++) {
      large[i] = large[i] == 0 ? 1 : large[i];
    }
    Files.write(corpus.resolve("p1/large"), large);
    CorpusConfig plain = config(0.2, new Duplicates(kind, 0.8), corpus);
    CorpusConfig config =
        new CorpusConfig(
            plain.sources(),
            plain.tokenizer(),
            // Of five directories.
            holdout == Holdout.Kind.GROUP ? 0.5 : 0.2,
            plain.filter(),
            plain.duplicates(),
            plain.input(),
            new Holdout(holdout, Holdout.PACKAGE));
    prepare(config, "straight", shardBytes, Integer.MAX_VALUE).close();

    int interrupted = 0;
    while (true) {
      try (TokenShards shards = prepare(config, "resumed", shardBytes, 1 + interrupted % 3)) {
        assertThat(shards.verify()).isEmpty();
        break;
      } catch (Stop e) {
        interrupted++;
      }
    }
    assertThat(interrupted).isGreaterThan(4);
    assertSame(temp.resolve("straight"), temp.resolve("resumed"));
  }

  @Test
  void aDirectoryAndAnArchiveAreTakenUpAndNothingIsWrittenTwice() throws IOException {
    Path tar = temp.resolve("a.tar");
    writeTar(tar, 60);
    Path directory = Files.createDirectories(temp.resolve("directory"));
    Random random = new Random(2);
    for (int i = 0; i < 60; i++) {
      Files.writeString(directory.resolve("f" + i), i + " " + text(random));
    }
    CorpusConfig config = config(0.1, Duplicates.EXACT, directory, tar);
    prepare(config, "straight", 20_000, Integer.MAX_VALUE).close();
    Path building = temp.resolve("resumed.building");
    Path leftover = building.resolve("large-0.spool");
    Set<String> committed = new HashSet<>();
    int interrupted = 0;
    while (true) {
      heard.clear();
      try (TokenShards shards = prepare(config, "resumed", 20_000, 1 + interrupted % 2)) {
        assertThat(shards.verify()).isEmpty();
        break;
      } catch (Stop e) {
        interrupted++;
      }
      for (ShardInfo shard : Journal.read(building).orElseThrow().shards()) {
        Path tokens = building.resolve(shard.baseName() + ".tokens");
        if (committed.add(shard.baseName())) {
          Files.setLastModifiedTime(tokens, LEFT);
        }
        assertThat(Files.getLastModifiedTime(tokens))
            .as("%s, interruption %d", tokens, interrupted)
            .isEqualTo(LEFT);
      }
      // What a kill leaves of a large document in an archive.
      Files.writeString(leftover, "left over");
    }
    assertThat(interrupted).isGreaterThan(4);
    assertThat(committed)
        .anyMatch(s -> s.startsWith("train-000"))
        .anyMatch(s -> s.startsWith("train-001"));
    for (String shard : committed) {
      assertThat(Files.getLastModifiedTime(temp.resolve("resumed").resolve(shard + ".tokens")))
          .as(shard)
          .isEqualTo(LEFT);
    }
    assertSame(temp.resolve("straight"), temp.resolve("resumed"));
    assertThat(heard)
        .as("a long walk to where it stopped is not silent")
        .anyMatch(TokenizationProgress::passingOver);
    assertThat(heard).allMatch(p -> !p.passingOver() || p.bytesThisRun() == 0);
  }

  @Test
  void leftoversAreGoneBeforeTheNextRunReads() throws IOException {
    Path tar = temp.resolve("a.tar");
    writeTar(tar, 30);
    CorpusConfig config = config(0.1, Duplicates.EXACT, tar);
    try {
      prepare(config, "out", 10_000, 1).close();
    } catch (Stop e) {
      // As wanted.
    }
    Path leftover = temp.resolve("out.building/large-0.spool");
    assertThat(leftover.resolveSibling("progress.json")).exists();
    Files.writeString(leftover, "left over");
    List<Boolean> there = new ArrayList<>();
    TokenizationListener watching =
        new TokenizationListener() {
          @Override
          public void message(String line) {}

          @Override
          public void progress(TokenizationProgress progress) {
            there.add(Files.exists(leftover));
          }
        };
    Tokenization.prepare(config, temp.resolve("out"), false, 2, watching, new Pace(10_000, 0))
        .close();
    assertThat(there).isNotEmpty().containsOnly(false);
    assertThat(temp.resolve("out/large-0.spool")).doesNotExist();
  }

  /// Copies of a near duplicate are near duplicates, whether or not a kill came between.
  @Test
  void copiesCountAlikeAfterAnInterruption() throws IOException {
    Path corpus = Files.createDirectories(temp.resolve("corpus"));
    Random random = new Random(4);
    String text = words(random, 2000);
    String near = text.replaceFirst("w\\d+", "changed");
    Files.writeString(corpus.resolve("a"), text);
    Files.writeString(corpus.resolve("b"), near);
    for (int i = 0; i < 20; i++) {
      Files.writeString(corpus.resolve("c" + i), words(random, 1000));
    }
    Files.writeString(corpus.resolve("y"), text);
    Files.writeString(corpus.resolve("z"), near);
    // Where everything is read, nobody is interrupted any more.
    Path more = Files.writeString(temp.resolve("more.txt"), words(random, 3000));
    CorpusConfig config = config(0.1, new Duplicates(Duplicates.Kind.NEAR, 0.8), corpus, more);
    prepare(config, "straight", 4000, Integer.MAX_VALUE).close();
    int interrupted = 0;
    while (true) {
      try (TokenShards shards = prepare(config, "resumed", 4000, 1)) {
        assertThat(shards.manifest().sources().getFirst().rejected())
            .containsEntry("duplicate", 1L)
            .containsEntry("near_duplicate", 2L);
        break;
      } catch (Stop e) {
        interrupted++;
      }
    }
    assertThat(interrupted).isGreaterThan(2);
    assertSame(temp.resolve("straight"), temp.resolve("resumed"));
  }

  /// The expected time must not count an earlier run's part of a huge file as this one's speed.
  @Test
  void theTimeLeftInAHugeFileCountsThisRunAlone() throws IOException {
    Path file = temp.resolve("genome.txt");
    byte[] bytes = new byte[8 << 20];
    Random random = new Random(5);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) "ACGT\n".charAt(random.nextInt(5));
    }
    Files.write(file, bytes);
    CorpusConfig config = config(0.1, Duplicates.EXACT, file);
    try {
      prepare(config, "out", 1 << 20, 4).close();
    } catch (Stop e) {
      // As wanted.
    }
    heard.clear();
    prepare(config, "out", 1 << 20, Integer.MAX_VALUE).close();
    assertThat(heard).hasSizeGreaterThan(2);
    assertThat(heard).allMatch(p -> p.fractionAtStart() > 0.4 && p.fractionAtStart() < 0.9);
  }

  private static final class Stop extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /// @param stopAfter shards' worth of text
  private TokenShards prepare(CorpusConfig config, String out, long shardBytes, int stopAfter)
      throws IOException {
    TokenizationListener listener =
        new TokenizationListener() {
          @Override
          public void message(String line) {}

          @Override
          public void progress(TokenizationProgress p) {
            heard.add(p);
            if (p.fraction() < 1 && p.bytesThisRun() > shardBytes * stopAfter) {
              throw new Stop();
            }
          }
        };
    return Tokenization.prepare(
        config, temp.resolve(out), false, 2, listener, new Pace(shardBytes, 0));
  }

  private static CorpusConfig config(double validation, Duplicates duplicates, Path... sources) {
    return new CorpusConfig(
        Arrays.stream(sources).map(s -> CorpusSource.of(s.toString())).toList(),
        "bytes",
        validation,
        DocumentFilter.ALL,
        duplicates,
        InputPolicy.DEFAULT);
  }

  /// Small documents, and in their middle one that does not fit into memory.
  private static void writeTar(Path file, int documents) throws IOException {
    Random random = new Random(1);
    try (OutputStream out = Files.newOutputStream(file);
        TarArchiveOutputStream tar = new TarArchiveOutputStream(out)) {
      for (int i = 0; i < documents; i++) {
        byte[] content = ("tar " + i + " " + text(random)).getBytes(StandardCharsets.UTF_8);
        if (i == documents / 2) {
          content = words(random, 1_000_000).getBytes(StandardCharsets.UTF_8);
        }
        TarArchiveEntry entry = new TarArchiveEntry("p/f" + i);
        entry.setSize(content.length);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
      }
    }
  }

  private static String text(Random random) {
    return RandomText.text(random, 1 + random.nextInt(300)).replace("\0", "");
  }

  private static String words(Random random, int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append('w').append(random.nextInt(1000)).append(' ');
    }
    return text.toString();
  }

  private static void assertSame(Path expected, Path actual) throws IOException {
    List<String> names = list(expected);
    assertThat(list(actual)).isEqualTo(names);
    for (String name : names) {
      if (!name.equals(Manifest.FILE)) {
        assertThat(Files.mismatch(expected.resolve(name), actual.resolve(name)))
            .as(name)
            .isEqualTo(-1);
      }
    }
    assertThat(Manifest.read(actual).shards()).isEqualTo(Manifest.read(expected).shards());
    assertThat(Manifest.read(actual).sources()).isEqualTo(Manifest.read(expected).sources());
  }

  private static List<String> list(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      return files.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }
}
