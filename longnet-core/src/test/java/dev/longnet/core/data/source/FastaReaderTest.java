// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.SequenceRule;
import dev.longnet.core.config.SequenceRule.Case;
import dev.longnet.core.config.SequenceRule.Unknown;
import dev.longnet.core.io.EnvironmentException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FastaReaderTest {
  private static final String GENOME =
      """

      ; written by hand
      >chr1 first chromosome
      NNACgtN
      NACGNNN

      >chr2\tsecond\r
      acgt\r
      ACGT\r
      >chr3
      ; nothing here
      >chr4
      TTTT\
      """;

  private static final Admission ALL = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);

  @TempDir Path temp;

  private Walked walk(String name, byte[] content, SequenceRule rule) throws IOException {
    Path file = Files.write(temp.resolve(name), content);
    CorpusSource source =
        new CorpusSource(
            file.toString(), OptionalDouble.empty(), "text", "", CorpusSource.Format.AUTO, rule);
    return Walked.of(source, DocumentFilter.ALL, InputPolicy.DEFAULT, temp);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a.fa",
        "a.FASTA",
        "a.fna.gz",
        "a.faa.zst",
        "a.fas.xz",
        "a.ffn.bz2",
        "mark.frn",
        "utf16.fa"
      })
  void recordsAreDocuments(String name) throws IOException {
    byte[] plain =
        name.startsWith("utf16")
            ? ("\uFEFF" + GENOME).getBytes(StandardCharsets.UTF_16LE)
            : ((name.startsWith("mark") ? "\uFEFF" : "") + GENOME).getBytes(StandardCharsets.UTF_8);
    Walked found = walk(name, Archives.compress(name, plain), SequenceRule.AS_WRITTEN);
    assertThat(found.texts())
        .isEqualTo(Map.of("chr1", "NNACgtNNACGNNN", "chr2", "acgtACGT", "chr4", "TTTT"));
    assertThat(found.texts().keySet()).containsExactly("chr1", "chr2", "chr4");
    // As an old Mac ends lines.
    byte[] bare = GENOME.replace("\r", "").replace('\n', '\r').getBytes(StandardCharsets.UTF_8);
    assertThat(walk("bare.fa", bare, SequenceRule.AS_WRITTEN).texts()).isEqualTo(found.texts());
    assertThat(found.rejected()).isEqualTo(Map.of("chr3", Reason.TOO_SMALL));
  }

  @ParameterizedTest
  @CsvSource({
    "UPPER, KEEP, chr1, NNACGTNNACGNNN",
    "KEEP, SKIP, chr1, ACgtACG",
    "UPPER, SKIP, chr1, ACGTACG",
    "KEEP, SPLIT, chr1:3, ACgt",
    "KEEP, SPLIT, chr1:9, ACG",
    "KEEP, SPLIT, chr2, acgtACGT",
    "UPPER, SPLIT, chr4, TTTT",
  })
  void lettersAndUnknownBasesAreAsTheRuleSays(
      Case letters, Unknown unknown, String name, String text) throws IOException {
    Walked found =
        walk("a.fa", GENOME.getBytes(StandardCharsets.UTF_8), new SequenceRule(letters, unknown));
    assertThat(found.texts()).containsEntry(name, text);
    assertThat(found.texts()).hasSize(unknown == Unknown.SPLIT ? 4 : 3);
  }

  /// Globs look at files, in a folder and in a list of files alike.
  @Test
  void foldersHoldSequences() throws IOException {
    Path genomes = Files.createDirectories(temp.resolve("all/genomes"));
    byte[] one = ">a/b first\nAC\nGT\n>c\nTT\n".getBytes(StandardCharsets.UTF_8);
    Files.write(genomes.resolve("1.fa.gz"), Archives.compress("gz", one));
    Files.writeString(genomes.resolve("2.fa"), ">d\nGG\n");
    Files.writeString(genomes.resolve("notes.fa"), "a text");
    for (String path : List.of(temp + "/all", temp + "/all/genomes/*")) {
      CorpusSource source = CorpusSource.of(path);
      Admission all = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
      DocumentReader reader = Sources.open(source, Sources.state(source), all, temp);
      assertThat(Walked.of(reader).texts().values()).containsExactly("ACGT", "TT", "GG", "a text");
      assertThat(reader.readAs()).isEqualTo(Map.of("FASTA in gzip", 1L, "FASTA", 1L, "text", 1L));
      DocumentFilter gzip =
          new DocumentFilter(List.of("**.gz"), List.of(), List.of(), 1, Long.MAX_VALUE);
      Walked some = Walked.of(source, gzip, InputPolicy.DEFAULT, temp);
      assertThat(some.texts()).isEqualTo(Map.of("a/b", "ACGT", "c", "TT"));
      assertThat(some.rejected().values()).containsOnly(Reason.FILTERED).hasSize(2);
    }
  }

  /// Longer than what is held in memory, some of them than the buffers.
  @Test
  void longSequencesComeWhole() throws IOException {
    StringBuilder file = new StringBuilder();
    Random random = new Random(1);
    int[] lengths = {Entry.WHOLE_BYTES, Entry.WHOLE_BYTES + 1, 2 * Entry.WHOLE_BYTES + 5, 3};
    StringBuilder[] sequences = new StringBuilder[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      sequences[i] = new StringBuilder();
      file.append('>').append(i).append('\n');
      for (int j = 0; j < lengths[i]; j++) {
        char letter = "ACGT".charAt(random.nextInt(4));
        sequences[i].append(letter);
        file.append(letter).append(j % 60 == 59 ? "\n" : "");
      }
      file.append('\n');
    }
    Path path = Files.writeString(temp.resolve("long.fa"), file);
    CorpusSource source = Walked.source(path);
    try (DocumentReader reader =
        Sources.open(
            source,
            Sources.state(source),
            new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT),
            temp)) {
      for (int i = 0; i < lengths.length; i++) {
        Entry entry = reader.next();
        if (entry instanceof Entry.Streamed large) {
          assertThat(large.size()).isEqualTo(lengths[i]).isGreaterThan(Entry.WHOLE_BYTES);
          for (int reading = 0; reading < 2; reading++) {
            try (InputStream in = large.opener().open()) {
              assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8))
                  .isEqualTo(sequences[i].toString());
            }
          }
        } else {
          assertThat(((Entry.Text) entry).loader().load().text())
              .isEqualTo(sequences[i].toString().getBytes(StandardCharsets.UTF_8));
        }
      }
      assertThat(reader.next()).isNull();
    }
    try (var files = Files.list(temp)) {
      assertThat(files.map(f -> f.getFileName().toString())).containsExactly("long.fa");
    }
  }

  /// However a process ends, it leaves nothing: what a long sequence passes through has no name.
  @Test
  void theTemporaryFileHasNoName() throws IOException {
    CorpusSource source = Walked.source(longSequence(Entry.WHOLE_BYTES + 70_000));
    Path scratch = Files.createDirectories(temp.resolve("scratch"));
    try (DocumentReader reader = Sources.open(source, Sources.state(source), ALL, scratch)) {
      Entry.Streamed large = (Entry.Streamed) reader.next();
      assertThat(scratch).isEmptyDirectory();
      try (InputStream in = large.opener().open()) {
        assertThat(in.readAllBytes()).hasSize(Entry.WHOLE_BYTES + 70_000);
      }
    }
    assertThat(scratch).isEmptyDirectory();
  }

  @Test
  void whatTheDirectoryCannotHoldIsTheMachinesFault() throws IOException {
    CorpusSource source = Walked.source(longSequence(Entry.WHOLE_BYTES + 70_000));
    Path scratch = temp.resolve("missing");
    try (DocumentReader reader = Sources.open(source, Sources.state(source), ALL, scratch)) {
      assertThatThrownBy(reader::next)
          .isInstanceOf(EnvironmentException.class)
          .hasMessage(
              "long sequences pass through a temporary file, and %s can't hold one (it does not"
                  + " exist): make room there",
              scratch);
    }
  }

  /// Of what is not wanted no byte is kept, so that a directory without room is none that matters.
  @Test
  void sequencesThatAreTooLongAreCountedAlone() throws IOException {
    CorpusSource source = Walked.source(longSequence(3 * Entry.WHOLE_BYTES));
    Admission small =
        new Admission(
            new DocumentFilter(List.of(), List.of(), List.of(), 1, Entry.WHOLE_BYTES),
            InputPolicy.DEFAULT);
    try (DocumentReader reader =
        Sources.open(source, Sources.state(source), small, temp.resolve("missing"))) {
      assertThat(reader.next())
          .isEqualTo(
              new Entry.Rejected("long", Reason.TOO_LARGE, 3 * Entry.WHOLE_BYTES + " bytes"));
      assertThat(reader.next()).isNull();
    }
  }

  private Path longSequence(int letters) throws IOException {
    return Files.writeString(temp.resolve("long.fa"), ">long\n" + "A".repeat(letters) + "\n");
  }

  @Test
  void aSingleRecordGivesItsTail() throws IOException {
    Path path = Files.writeString(temp.resolve("one.fa"), ">one\nACGT\nACGT\n");
    CorpusSource source = Walked.source(path);
    try (DocumentReader reader =
        Sources.open(
            source,
            Sources.state(source),
            new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT),
            temp)) {
      assertThat(reader.next())
          .isInstanceOfSatisfying(
              Entry.Streamed.class,
              e ->
                  assertThat(List.of(e.name(), e.size(), e.heldOutTail()))
                      .isEqualTo(List.of("one", 8L, true)));
    }
  }

  @Test
  void whatIsNoFastaIsATextAndDamageIsSaid() throws IOException {
    byte[] text = "a text that begins like none".getBytes(StandardCharsets.UTF_8);
    assertThat(walk("notes.fa", text, SequenceRule.AS_WRITTEN).texts()).containsKey("notes.fa");
    byte[] lisp = "; a comment\n(load \"x\")\n>late\nA\n".getBytes(StandardCharsets.UTF_8);
    assertThat(walk("code.fas", lisp, SequenceRule.AS_WRITTEN).texts()).containsKey("code.fas");
    byte[] quotation = ">chr1\nACGT\n".getBytes(StandardCharsets.UTF_8);
    assertThat(walk("mail.txt", quotation, SequenceRule.AS_WRITTEN).texts())
        .containsKey("mail.txt");
    CorpusSource raw =
        new CorpusSource(
            Files.write(temp.resolve("raw.fa"), quotation).toString(),
            OptionalDouble.empty(),
            "text",
            "",
            CorpusSource.Format.TEXT,
            SequenceRule.AS_WRITTEN);
    assertThat(Walked.of(raw, DocumentFilter.ALL, InputPolicy.DEFAULT, temp).texts())
        .isEqualTo(Map.of("raw.fa", quotation.length + " bytes"));
    byte[] packed = Archives.compress("a.gz", GENOME.getBytes(StandardCharsets.UTF_8));
    byte[] cut = java.util.Arrays.copyOf(packed, packed.length - 12);
    assertThat(walk("cut.fa.gz", cut, SequenceRule.AS_WRITTEN).rejected())
        .containsValue(Reason.TRUNCATED);
  }
}
