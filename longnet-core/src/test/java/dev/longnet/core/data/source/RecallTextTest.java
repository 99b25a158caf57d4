// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.RecallCorpus;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecallTextTest {
  @TempDir Path folder;

  /// A pair or its question, as it stands in a text.
  private record Found(int at, int key, int value) {}

  private static List<Found> found(byte[] text) {
    List<Found> all = new ArrayList<>();
    for (int i = 0; i + RecallText.PAIR <= text.length; i++) {
      if (RecallText.isKey(text, i)) {
        int value = i + RecallText.KEY;
        all.add(new Found(value, text[i] << 8 | text[i + 1] & 0xff, text[value] & 0xff));
        i = value;
      }
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 256, 2048, 32768})
  void everyQuestionHasOnePairWithinReach(int reach) {
    for (long seed = 1; seed <= 3; seed++) {
      byte[] text = RecallText.document(seed, Math.max(1 << 16, 4 * reach), reach);
      Map<Integer, Found> open = new HashMap<>();
      Map<Integer, Integer> last = new HashMap<>();
      int questions = 0;
      int[] octaves = new int[32];
      for (Found one : found(text)) {
        assertThat(one.value).as("seed %d", seed).isGreaterThanOrEqualTo(RecallText.VALUES);
        Found pair = open.remove(one.key);
        if (pair == null) {
          int before = last.getOrDefault(one.key, -reach - 1);
          assertThat(one.at - before).as("seed %d: a key again", seed).isGreaterThan(reach);
          open.put(one.key, one);
        } else {
          int distance = one.at - pair.at;
          assertThat(one.value).as("seed %d", seed).isEqualTo(pair.value);
          // Some words too late, where many questions wait for the end of a word.
          assertThat(distance).as("seed %d", seed).isBetween(4, reach + 64);
          last.put(one.key, one.at);
          octaves[31 - Integer.numberOfLeadingZeros(distance)]++;
          questions++;
        }
      }
      assertThat(questions).as("seed %d", seed).isGreaterThan(300);
      // All octaves between the shortest distance and the reach are equally likely.
      int all = (int) (Math.log(reach / 4.0) / Math.log(2));
      // The first ones wait for the end of a word.
      for (int octave = 5; octave < 2 + all; octave++) {
        assertThat(octaves[octave] / (double) questions)
            .as("seed %d, octave %d", seed, octave)
            .isCloseTo(1.0 / all, within(0.4 / all));
      }
    }
  }

  @Test
  void fillerAndPairsAreAllThereIs() {
    RecallText text = new RecallText(7);
    text.fillTo(100);
    assertThat(text.length()).isBetween(100, 100 + RecallText.LONGEST_WORD - 1);
    RecallText.Pair pair = text.pair();
    int value = text.put(pair);
    assertThat(text.length()).isEqualTo(value + 1);
    assertThat(text.bytes()[value] & 0xff).isEqualTo(pair.value());
    assertThat(found(text.bytes())).hasSize(1);
    String filler = new String(text.bytes(), 0, value - RecallText.KEY, StandardCharsets.US_ASCII);
    assertThat(
            "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "
                .repeat(3))
        .contains(filler);
  }

  @Test
  void keysRunOutBeforeTheyAreHardToFind() {
    RecallText text = new RecallText(1);
    for (int i = 0; i < 1536; i++) {
      text.pair();
    }
    assertThatThrownBy(text::pair)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no keys are left");
  }

  /// Token shards are found again by a corpus' name: the text of a name never changes.
  @Test
  void aTextIsAFunctionOfItsName() {
    CRC32C crc = new CRC32C();
    crc.update(RecallText.document(1, 1 << 16, 256));
    assertThat(crc.getValue()).isEqualTo(3681138626L);
  }

  @Test
  void aCorpusIsDocumentsByNumber() throws Exception {
    CorpusSource source = CorpusSource.of("recall:bytes=200000:reach=256:seed=3");
    SourceState state = Sources.state(source);
    Admission admission = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    List<byte[]> texts = new ArrayList<>();
    try (DocumentReader reader = Sources.open(source, state, admission, folder)) {
      for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
        Entry.Text text = (Entry.Text) entry;
        assertThat(text.name()).isEqualTo("00000" + texts.size() + ".txt");
        texts.add(text.loader().load().text());
      }
      assertThat(reader.progress()).isEqualTo(1);
    }
    assertThat(texts).hasSize(4).doesNotHaveDuplicates();
    assertThat(texts.getFirst().length).isBetween(1 << 16, (1 << 16) + 64);
    assertThat(Sources.label(source)).isEqualTo(source.path());
    assertThat(state)
        .isNotEqualTo(Sources.state(CorpusSource.of("recall:bytes=200000:reach=256:seed=4")));
    assertThat(CorpusConfig.of(List.of(source.path()), "bytes").absolute().sources())
        .containsExactly(source);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "recall:",
        "recall:bytes=1",
        "recall:reach=16:bytes=1:seed=1",
        "recall:bytes=1:reach=15:seed=1",
        "recall:bytes=1:reach=262145:seed=1",
        "recall:bytes=0:reach=16:seed=1",
        "recall:bytes=1:reach=16:seed=-1"
      })
  void otherNamesAreRefused(String path) {
    assertThatThrownBy(() -> CorpusSource.of(path))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(path);
    assertThat(RecallCorpus.parse("recall:bytes=5:reach=16:seed=0").toString())
        .isEqualTo("recall:bytes=5:reach=16:seed=0");
  }
}
