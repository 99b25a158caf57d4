// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static dev.longnet.core.data.pipeline.TestCorpus.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Groups that are held out whole: packages, folders, archives, files of rows.
class GroupHoldoutTest {
  private final Path temp;
  private final TestCorpus corpus;
  private int builds;

  GroupHoldoutTest(@TempDir Path temp) {
    this.temp = temp;
    this.corpus = new TestCorpus(temp);
  }

  @ParameterizedTest
  @CsvSource({"a/b/C.java, 0, ''", "a/b/C.java, 1, a/", "./a/b/C.java, 2, a/b/", "C.java, 3, ''"})
  void aGroupIsNamedByTheFirstDirectories(String name, int depth, String expected) {
    assertThat(new Holdout(Holdout.Kind.GROUP, depth).directories(name)).isEqualTo(expected);
    assertThat(new Holdout(Holdout.Kind.GROUP, Holdout.PACKAGE).directories("a/b/c/D"))
        .isEqualTo("a/b/c/");
  }

  /// 40 repositories of two packages with 5 files each.
  private void writeRepositories() throws IOException {
    for (int i = 0; i < 400; i++) {
      String name = "r%02d/p%d/f%d".formatted(i / 10, i / 5 % 2, i % 5);
      corpus.write(name, name + " text");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 40", "2, 80", "2147483647, 80"})
  void groupsAreHeldOutWholeAndStayInOrder(int depth, int groups) throws IOException {
    writeRepositories();
    try (TokenShards shards = prepare(group(depth), 0.3, temp.resolve("corpus").toString())) {
      List<String> train = names(shards.train());
      List<String> held = names(shards.validation());
      assertThat(train).isSorted();
      assertThat(held).isSorted();
      assertThat(train.size() + held.size()).isEqualTo(400);
      Set<String> trained = prefixes(train, depth);
      Set<String> heldOut = prefixes(held, depth);
      assertThat(trained).doesNotContainAnyElementsOf(heldOut);
      Manifest manifest = shards.manifest();
      assertThat(manifest.groups(Split.TRAIN)).isEqualTo(trained.size());
      assertThat(manifest.groups(Split.VALIDATION)).isEqualTo(heldOut.size());
      assertThat(trained.size() + heldOut.size()).isEqualTo(groups);
      // The binomial's mean plus or minus three deviations.
      double deviation = 3 * Math.sqrt(groups * 0.3 * 0.7);
      assertThat((double) heldOut.size())
          .isBetween(groups * 0.3 - deviation, groups * 0.3 + deviation);
    }
  }

  private static Set<String> prefixes(List<String> names, int depth) {
    return names.stream()
        .map(n -> new Holdout(Holdout.Kind.GROUP, depth).directories(n))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void whatElseTheCorpusHoldsAndWhereItLiesDoesNotMatter() throws IOException {
    writeRepositories();
    Set<String> few = heldOut(group(1), 0.1, temp.resolve("corpus").toString());
    Set<String> more = heldOut(group(1), 0.4, temp.resolve("corpus").toString());
    assertThat(more).containsAll(few).hasSizeGreaterThan(few.size());
    assertThat(few).isNotEmpty();
    Path elsewhere = Files.createDirectories(temp.resolve("elsewhere"));
    Files.move(temp.resolve("corpus"), elsewhere.resolve("corpus"));
    Files.writeString(elsewhere.resolve("corpus/r00/p0/f0"), "another text");
    Files.createDirectories(elsewhere.resolve("corpus/a"));
    Files.writeString(elsewhere.resolve("corpus/a/new"), "a new repository");
    Set<String> again = heldOut(group(1), 0.4, elsewhere.resolve("corpus").toString());
    again.remove("a/");
    assertThat(again).isEqualTo(more);
  }

  private Set<String> heldOut(Holdout holdout, double share, String source) throws IOException {
    try (TokenShards shards = prepare(holdout, share, source)) {
      return prefixes(names(shards.validation()), holdout.depth());
    }
  }

  @Test
  void archivesOfAGlobAreGroups() throws IOException {
    Path folder = Files.createDirectories(temp.resolve("jars"));
    for (int i = 0; i < 30; i++) {
      try (OutputStream out = Files.newOutputStream(folder.resolve("a%02d.jar".formatted(i)));
          ZipOutputStream zip = new ZipOutputStream(out)) {
        for (int j = 0; j < 4; j++) {
          zip.putNextEntry(new ZipEntry("p" + j + "/F.java"));
          zip.write((i + "/" + j).getBytes(StandardCharsets.UTF_8));
        }
      }
    }
    try (TokenShards shards = prepare(group(0), 0.3, folder + "/*.jar")) {
      assertThat(shards.manifest().groups(Split.TRAIN)).isBetween(10L, 29L);
      assertThat(shards.manifest().groups(Split.TRAIN) + shards.manifest().groups(Split.VALIDATION))
          .isEqualTo(30);
      Set<String> train = archives(shards.train());
      Set<String> held = archives(shards.validation());
      assertThat(train).doesNotContainAnyElementsOf(held);
      assertThat(shards.validation().documents()).isEqualTo(4L * held.size());
    }
  }

  /// The beginnings of texts of the test above: the number of the archive.
  private static Set<String> archives(TokenSplit split) {
    Set<String> result = new TreeSet<>();
    for (long i = 0; i < split.documents(); i++) {
      StringBuilder text = new StringBuilder();
      var document = split.document(i);
      for (int id : TestCorpus.ids(split, document.firstToken(), (int) document.tokens() - 1)) {
        text.append((char) id);
      }
      result.add(text.substring(0, text.indexOf("/")));
    }
    return result;
  }

  @Test
  void rowsWithoutNamesAreGroupedByTheirFile() throws IOException {
    for (int i = 0; i < 30; i++) {
      StringBuilder rows = new StringBuilder();
      for (int j = 0; j < 4; j++) {
        rows.append("{\"text\": \"%d/%d\", \"path\": \"d%d/x\"}%n".formatted(i, j, j));
      }
      corpus.write("f%02d.jsonl".formatted(i), rows.toString());
    }
    String glob = temp.resolve("corpus") + "/*.jsonl";
    try (TokenShards shards = prepare(group(1), 0.3, glob)) {
      assertThat(archives(shards.train()))
          .doesNotContainAnyElementsOf(archives(shards.validation()));
      assertThat(shards.manifest().groups(Split.TRAIN) + shards.manifest().groups(Split.VALIDATION))
          .isEqualTo(30);
    }
    CorpusSource named = new CorpusSource(glob, OptionalDouble.empty(), "text", "path");
    try (TokenShards shards = prepare(group(1), 0.3, named)) {
      assertThat(shards.manifest().groups(Split.TRAIN) + shards.manifest().groups(Split.VALIDATION))
          .isEqualTo(120);
    }
  }

  @Test
  void copiesOfWhatIsTrainedOnAreNotHeldOut() throws IOException {
    for (int i = 0; i < 40; i++) {
      corpus.write("r%02d/same".formatted(i), "the same licence");
      corpus.write("r%02d/own".formatted(i), "own " + i);
    }
    try (TokenShards shards = prepare(group(1), 0.3, temp.resolve("corpus").toString())) {
      List<String> all = new ArrayList<>(names(shards.train()));
      all.addAll(names(shards.validation()));
      assertThat(all).hasSize(41).filteredOn(n -> n.endsWith("same")).containsExactly("r00/same");
    }
  }

  /// Larger than what is loaded whole: it goes where its group goes.
  @Test
  void largeDocumentsGoWithTheirGroup() throws IOException {
    String large = "x".repeat(5 << 20);
    Random random = new Random(1);
    for (int i = 0; i < 4; i++) {
      corpus.write("r" + i + "/large", i + large);
      corpus.write("r" + i + "/small", i + " " + random.nextLong());
    }
    try (TokenShards shards = prepare(group(1), 0.5, temp.resolve("corpus").toString())) {
      assertThat(shards.manifest().groups(Split.TRAIN) + shards.manifest().groups(Split.VALIDATION))
          .isEqualTo(4);
      assertThat(shards.train().documents()).isEqualTo(2 * shards.manifest().groups(Split.TRAIN));
    }
  }

  @Test
  void aTextFileThatIsASourceStillGivesItsTail() throws IOException {
    Path file = Files.writeString(temp.resolve("book.txt"), "word ".repeat(1000));
    try (TokenShards shards = prepare(group(0), 0.2, file.toString())) {
      assertThat(shards.validation().document(0).bytes()).isEqualTo(1000);
      assertThat(shards.manifest().groups(Split.TRAIN)).isEqualTo(1);
      assertThat(shards.manifest().groups(Split.VALIDATION)).isEqualTo(1);
    }
  }

  @Test
  void noGroupHeldOutIsTheUsersMistakeAndLeavesNothing() throws IOException {
    corpus.write("r/a", "one");
    corpus.write("r/b", "two");
    assertThatThrownBy(() -> prepare(group(1), 1e-6, temp.resolve("corpus").toString()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "none of the corpus' 1 groups is held out: take smaller groups (corpus.group_depth) "
                + "or another share (corpus.validation=1.0E-6)");
    // A group of which the hash is below a half.
    String held = "";
    for (int i = 0; held.isEmpty(); i++) {
      var place = new SplitRule.Place("c" + i, "");
      SplitRule rule = new SplitRule(group(0), 0.5);
      held =
          rule.split(new ContentHash(0, 0), rule.group(place, "a")) == Split.VALIDATION
              ? "c" + i
              : "";
    }
    Path all = temp.resolve(held);
    Files.move(temp.resolve("corpus"), all);
    assertThatThrownBy(() -> prepare(group(0), 0.5, all.toString()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("all of the corpus' 1 groups are held out");
    try (var left = Files.list(temp)) {
      assertThat(left.filter(p -> p.getFileName().toString().matches("out\\d+(\\.building)?")))
          .isEmpty();
    }
  }

  @Test
  void corporaOfDocumentsAreWrittenAsBefore() throws IOException {
    writeRepositories();
    try (TokenShards shards = prepare(Holdout.DOCUMENT, 0.3, temp.resolve("corpus").toString())) {
      assertThat(shards.manifest().hasGroups()).isFalse();
      String json = Files.readString(shards.directory().resolve(Manifest.FILE));
      assertThat(json).doesNotContain("group");
      assertThat(prefixes(names(shards.train()), 1))
          .as("held out one by one")
          .containsAnyElementsOf(prefixes(names(shards.validation()), 1));
    }
  }

  private static Holdout group(int depth) {
    return new Holdout(Holdout.Kind.GROUP, depth);
  }

  private TokenShards prepare(Holdout holdout, double share, String path) throws IOException {
    return prepare(holdout, share, CorpusSource.of(path));
  }

  private TokenShards prepare(Holdout holdout, double share, CorpusSource source)
      throws IOException {
    CorpusConfig config =
        new CorpusConfig(
            List.of(source),
            "bytes",
            share,
            DocumentFilter.ALL,
            Duplicates.EXACT,
            InputPolicy.DEFAULT,
            holdout);
    return corpus.prepare(config, "out" + builds++, 1 << 20);
  }
}
