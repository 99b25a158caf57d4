package dev.longnet.core.data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.RandomText;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.EnvironmentException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizationTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base"})
  void everyDocumentComesBackFromTheShards(String tokenizer) throws IOException {
    Map<String, byte[]> files = writeFiles(200, 1);
    CorpusConfig config = config(tokenizer, 0.2, Duplicates.NONE);
    try (TokenShards shards = prepare(config, "out", 20_000)) {
      Map<String, byte[]> found = new TreeMap<>();
      Tokenizer t = Tokenizers.of(tokenizer);
      for (TokenSplit split : List.of(shards.train(), shards.validation())) {
        long end = 0;
        for (long i = 0; i < split.documents(); i++) {
          TokenDocument d = split.document(i);
          assertThat(d.firstToken()).isEqualTo(end);
          end += d.tokens();
          int[] ids = ids(split, d.firstToken(), (int) d.tokens());
          assertThat(ids[ids.length - 1]).isEqualTo(t.endOfText());
          byte[] bytes = t.decode(ids);
          assertThat(d.bytes()).isEqualTo(bytes.length);
          found.put(d.name(), bytes);
        }
        assertThat(end).isEqualTo(split.size());
      }
      assertThat(found.keySet()).isEqualTo(files.keySet());
      found.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(files.get(name)));
      assertThat(shards.validation().documents()).isBetween(15L, 80L);
      for (long i = 0; i < shards.validation().documents(); i++) {
        assertThat(shards.validation().text(i))
            .isEqualTo(files.get(shards.validation().document(i).name()));
      }
      assertThat(shards.verify()).isEmpty();
      assertThat(shards.manifest().shards()).hasSizeGreaterThan(4);
    }
  }

  @Test
  void filesOfAPackageStayTogether() throws IOException {
    for (String name :
        List.of("b/Z.java", "b/c/A.java", "b/A.java", "a/X.java", "b/c/B.java", "T.java")) {
      write(name, name);
    }
    try (TokenShards shards = prepare(config("bytes", 0, Duplicates.EXACT), "out", 1 << 20)) {
      assertThat(names(shards.train()))
          .containsExactly(
              "T.java", "a/X.java", "b/A.java", "b/Z.java", "b/c/A.java", "b/c/B.java");
    }
  }

  @Test
  void exactDuplicatesAreDroppedAndTheFirstStays() throws IOException {
    for (int i = 0; i < 50; i++) {
      write("f" + (100 + i), "text " + i % 20);
    }
    try (TokenShards shards = prepare(config("bytes", 0, Duplicates.EXACT), "out", 1 << 20)) {
      assertThat(names(shards.train())).hasSize(20).startsWith("f100").endsWith("f119");
      assertThat(shards.manifest().sources().getFirst().rejected())
          .isEqualTo(Map.of("duplicate", 30L));
    }
  }

  @Test
  void nearDuplicatesAreDropped() throws IOException {
    Random random = new Random(4);
    String text = words(random, 2000);
    write("a", text);
    write("b", text.replaceFirst("w\\d+", "changed"));
    write("c", text.replace(" ", "\n  "));
    write("d", words(random, 2000));
    write("e", text.substring(0, text.length() / 2));
    try (TokenShards shards = prepare(config("bytes", 0, Duplicates.NEAR), "out", 1 << 20)) {
      assertThat(names(shards.train())).containsExactly("a", "d", "e");
    }
  }

  @Test
  void theSplitDependsOnContentAlone() throws IOException {
    writeFiles(100, 2);
    List<String> before;
    try (TokenShards shards = prepare(config("bytes", 0.3, Duplicates.EXACT), "out", 1 << 20)) {
      before = names(shards.validation());
    }
    Files.move(temp.resolve("corpus/p0"), temp.resolve("corpus/moved"));
    write("new/file", "more");
    try (TokenShards shards = prepare(config("bytes", 0.3, Duplicates.EXACT), "out2", 1 << 20)) {
      assertThat(
              names(shards.validation()).stream()
                  .map(n -> n.replace("moved", "p0"))
                  .filter(n -> !n.startsWith("new")))
          .containsExactlyInAnyOrderElementsOf(before);
    }
  }

  @Test
  void aSecondRunFindsTheShards() throws IOException {
    writeFiles(10, 3);
    CorpusConfig config = config("bytes", 0.1, Duplicates.EXACT);
    prepare(config, "out", 1 << 20).close();
    Path manifest = temp.resolve("out").resolve(Manifest.FILE);
    var made = Files.getLastModifiedTime(manifest);
    prepare(config, "out", 1 << 20).close();
    assertThat(Files.getLastModifiedTime(manifest)).isEqualTo(made);
  }

  @Test
  void aChangeIsNoticedAndSaid() throws IOException {
    writeFiles(10, 3);
    CorpusConfig config = config("bytes", 0.1, Duplicates.EXACT);
    prepare(config, "out", 1 << 20).close();
    write("another", "file");
    assertThatThrownBy(() -> prepare(config, "out", 1 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the source " + temp.resolve("corpus") + " changed");
    List<String> said = new ArrayList<>();
    try (TokenShards shards =
        Tokenization.prepare(config, temp.resolve("out"), true, 2, saying(said), Pace.DEFAULT)) {
      assertThat(names(shards.train())).contains("another");
    }
    assertThat(said).anyMatch(s -> s.contains("changed"));
    assertThatThrownBy(() -> prepare(config("cl100k_base", 0.1, Duplicates.EXACT), "out", 1 << 20))
        .hasMessageContaining("the tokenizer changed (from bytes to cl100k_base)");
  }

  @Test
  void oneHugeFileIsOneDocumentWithItsTailHeldOut() throws IOException {
    Path file = temp.resolve("genome.txt");
    Random random = new Random(1);
    StringBuilder text = new StringBuilder();
    while (text.length() < 6_000_000) {
      text.append(RandomText.text(random, 1000));
    }
    byte[] bytes = text.toString().replace("\0", "").getBytes(StandardCharsets.UTF_8);
    Files.write(file, bytes);
    for (String tokenizer : List.of("bytes", "cl100k_base")) {
      CorpusConfig config = CorpusConfig.of(List.of(file.toString()), tokenizer);
      try (TokenShards shards = prepare(config, "out-" + tokenizer, 1 << 20)) {
        assertThat(shards.train().documents()).isEqualTo(1);
        assertThat(shards.validation().documents()).isEqualTo(1);
        byte[] tail = shards.validation().text(0);
        assertThat(tail.length).isBetween(bytes.length / 100 - 4, bytes.length / 100 + 4);
        int[] ids = ids(shards.train(), 0, (int) shards.train().size());
        byte[] head = Tokenizers.of(tokenizer).decode(ids);
        assertThat(head.length + tail.length).isEqualTo(bytes.length);
        assertThat(head).isEqualTo(Arrays.copyOf(bytes, head.length));
        assertThat(tail).isEqualTo(Arrays.copyOfRange(bytes, head.length, bytes.length));
      }
    }
  }

  /// Pieces are cut where the pre-tokenizer cuts, so that a large document has the tokens of the
  /// whole text.
  @Test
  void piecesHaveTheTokensOfTheWhole() {
    Tokenizer tokenizer = Tokenizers.of("cl100k_base");
    int held = 0;
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      byte[] text =
          (RandomText.text(random, 40) + "\nnext line of words\n" + RandomText.text(random, 3))
              .getBytes(StandardCharsets.UTF_8);
      int cut = Utf8.cut(text, text.length);
      boolean clean = text[cut - 1] == '\n' || text[cut] == ' ';
      if (clean) {
        int[] head = tokenizer.encode(Arrays.copyOf(text, cut));
        int[] tail = tokenizer.encode(Arrays.copyOfRange(text, cut, text.length));
        int[] both = Arrays.copyOf(head, head.length + tail.length);
        System.arraycopy(tail, 0, both, head.length, tail.length);
        assertThat(both).as("seed %d", seed).isEqualTo(tokenizer.encode(text));
        held++;
      }
    }
    assertThat(held).as("texts with a clean cut").isGreaterThan(50);
  }

  @Test
  void filtersLeaveOutAndCount() throws IOException {
    write("A.java", "class A {}");
    write("b/B.java", "class B {}");
    write("b/B.py", "class B: pass");
    write("b/BTest.java", "class BTest {}");
    write("c/C.kt", "class C");
    write("c/Big.java", "x".repeat(5000));
    write("empty.java", "");
    CorpusConfig config =
        new CorpusConfig(
            List.of(CorpusSource.of(temp.resolve("corpus").toString())),
            "bytes",
            0,
            new DocumentFilter(
                List.of("**/*.{java,py}"), List.of("*Test.java"), List.of("java"), 1, 1000),
            Duplicates.EXACT,
            InputPolicy.DEFAULT);
    try (TokenShards shards = prepare(config, "out", 1 << 20)) {
      assertThat(names(shards.train())).containsExactly("A.java", "b/B.java");
      assertThat(shards.manifest().sources().getFirst().rejected())
          .isEqualTo(Map.of("filtered", 3L, "too_small", 1L, "too_large", 1L));
    }
  }

  @Test
  void binaryAndInvalidTextFollowThePolicy() throws IOException {
    Files.createDirectories(temp.resolve("corpus"));
    Files.write(temp.resolve("corpus/nul"), new byte[] {'a', 0, 'b'});
    Files.write(temp.resolve("corpus/latin1"), new byte[] {'a', (byte) 0xe9, 'b'});
    write("good", "good");
    assertThat(kept(InputPolicy.Action.SKIP, InputPolicy.Action.KEEP))
        .containsExactly("good", "latin1");
    assertThat(kept(InputPolicy.Action.KEEP, InputPolicy.Action.SKIP))
        .containsExactly("good", "nul");
    assertThatThrownBy(() -> kept(InputPolicy.Action.KEEP, InputPolicy.Action.REFUSE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not valid UTF-8: latin1");
    assertThat(temp.resolve("policy-KEEP-REFUSE")).doesNotExist();
  }

  private List<String> kept(InputPolicy.Action binary, InputPolicy.Action invalid)
      throws IOException {
    CorpusConfig config =
        new CorpusConfig(
            List.of(CorpusSource.of(temp.resolve("corpus").toString())),
            "cl100k_base",
            0,
            DocumentFilter.ALL,
            Duplicates.EXACT,
            new InputPolicy(InputPolicy.Action.SKIP, binary, invalid, 200, 1 << 30, 1 << 20));
    try (TokenShards shards = prepare(config, "policy-" + binary + "-" + invalid, 1 << 20)) {
      return names(shards.train());
    }
  }

  @Test
  void damagedShardsAreRefused() throws IOException {
    writeFiles(20, 3);
    CorpusConfig config = config("bytes", 0.1, Duplicates.EXACT);
    prepare(config, "out", 1 << 20).close();
    Path tokens = temp.resolve("out/train-000-000000.tokens");
    byte[] whole = Files.readAllBytes(tokens);
    Files.write(tokens, Arrays.copyOf(whole, whole.length - 1));
    assertThatThrownBy(() -> TokenShards.open(temp.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("token shards are corrupted");
    whole[1] = 0x7f;
    Files.write(tokens, whole, StandardOpenOption.TRUNCATE_EXISTING);
    try (TokenShards shards = TokenShards.open(temp.resolve("out"))) {
      assertThat(shards.verify()).containsExactly(tokens);
      assertThatThrownBy(() -> ids(shards.train(), 0, 5))
          .hasMessageContaining("of a vocabulary of 257");
    }
  }

  /// Random damage to the manifest or a document table is refused or harmless, never a crash.
  @Test
  void fuzzedManifestsAndTables() throws IOException {
    writeFiles(20, 3);
    prepare(config("bytes", 0.3, Duplicates.EXACT), "out", 1 << 20).close();
    for (String name : List.of("manifest.json", "validation-000-000000.docs")) {
      Path file = temp.resolve("out").resolve(name);
      byte[] good = Files.readAllBytes(file);
      for (long seed = 0; seed < 300; seed++) {
        Random random = new Random(seed);
        byte[] bad = good.clone();
        for (int i = 0; i <= random.nextInt(4); i++) {
          bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
        }
        Files.write(file, bad);
        try (TokenShards shards = TokenShards.open(temp.resolve("out"))) {
          for (long i = 0; i < shards.validation().documents(); i++) {
            shards.validation().document(i);
            shards.validation().text(i);
          }
        } catch (IllegalArgumentException
            | IndexOutOfBoundsException
            | ArithmeticException
            | IOException e) {
          // One line for the user, or a bounds check: not a crash of the machine's.
        }
      }
      Files.write(file, good);
    }
  }

  @Test
  void aJdkWithoutSourcesAsksForAnotherCorpus() throws IOException {
    String home = System.getProperty("java.home");
    try {
      System.setProperty("java.home", temp.toString());
      assertThatThrownBy(() -> prepare(CorpusConfig.of(List.of("jdk"), "bytes"), "out", 1 << 20))
          .isInstanceOf(EnvironmentException.class)
          .hasMessageContaining("name another corpus with corpus.sources PATH");
    } finally {
      System.setProperty("java.home", home);
    }
  }

  @Test
  void anEmptyCorpusIsTheUsersMistake() throws IOException {
    write("x.bin", "a\0b");
    assertThatThrownBy(() -> prepare(config("bytes", 0.1, Duplicates.EXACT), "out", 1 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the corpus has no documents")
        .hasMessageContaining("1 binary");
  }

  private static TokenizationListener saying(List<String> said) {
    return new TokenizationListener() {
      @Override
      public void message(String line) {
        said.add(line);
      }

      @Override
      public void progress(TokenizationProgress progress) {}
    };
  }

  private TokenShards prepare(CorpusConfig config, String out, long shardBytes) throws IOException {
    return Tokenization.prepare(
        config, temp.resolve(out), false, 2, TokenizationListener.NONE, new Pace(shardBytes, 0));
  }

  private CorpusConfig config(String tokenizer, double validation, Duplicates duplicates) {
    return new CorpusConfig(
        List.of(CorpusSource.of(temp.resolve("corpus").toString())),
        tokenizer,
        validation,
        DocumentFilter.ALL,
        duplicates,
        InputPolicy.DEFAULT);
  }

  private void write(String name, String text) throws IOException {
    Path file = temp.resolve("corpus").resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  /// Files of random text in a few directories; no NUL bytes at their beginning.
  private Map<String, byte[]> writeFiles(int count, long seed) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    Random random = new Random(seed);
    for (int i = 0; i < count; i++) {
      String name = "p" + i % 5 + "/f" + i;
      String text = i + " " + RandomText.text(random, 1 + random.nextInt(300)).replace("\0", "");
      write(name, text);
      files.put(name, text.getBytes(StandardCharsets.UTF_8));
    }
    return files;
  }

  private static String words(Random random, int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append('w').append(random.nextInt(1000)).append(' ');
    }
    return text.toString();
  }

  private static List<String> names(TokenSplit split) {
    List<String> names = new ArrayList<>();
    for (long i = 0; i < split.documents(); i++) {
      names.add(split.document(i).name());
    }
    return names;
  }

  private static int[] ids(TokenSplit split, long from, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(ValueLayout.JAVA_LONG, Math.max(1, count));
      split.copy(from, count, segment);
      return Arrays.stream(segment.toArray(ValueLayout.JAVA_LONG))
          .limit(count)
          .mapToInt(x -> (int) x)
          .toArray();
    }
  }
}
