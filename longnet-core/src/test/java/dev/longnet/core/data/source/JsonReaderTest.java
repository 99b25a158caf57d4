// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonReaderTest {
  @TempDir Path temp;

  private static InputPolicy invalidUtf8(InputPolicy.Action action) {
    InputPolicy d = InputPolicy.DEFAULT;
    return new InputPolicy(
        d.broken(), d.binary(), action, d.maxRatio(), d.maxArchiveBytes(), d.maxRowBytes());
  }

  @Test
  void numbersThatPythonWritesAreRead() throws IOException {
    Path file =
        Files.writeString(
            temp.resolve("r.jsonl"),
            """
            {"text": "a", "score": NaN}
            {"score": [-Infinity, Infinity], "text": "b"}
            {"text": "c", "score": nan}
            {"text": 5}
            """);
    Walked found = Walked.of(file, temp);
    assertThat(found.texts()).isEqualTo(Map.of("r.jsonl:1", "a", "r.jsonl:2", "b"));
    assertThat(found.rejected())
        .isEqualTo(Map.of("r.jsonl:3", Reason.INVALID_JSON, "r.jsonl:4", Reason.MALFORMED_ROW));
  }

  /// Limits of the JSON library that say nothing about a text.
  @Test
  void otherFieldsMayBeOfAnyLength() throws IOException {
    String digits = "1".repeat(200_000);
    Path file =
        Files.writeString(
            temp.resolve("r.jsonl"),
            "{\"id\": %s, \"x\": 1e999999999, \"text\": \"a\"}\n{\"%s\": 0, \"text\": \"b\"}\n"
                .formatted(digits, digits));
    Walked found = Walked.of(file, temp);
    assertThat(found.texts()).isEqualTo(Map.of("r.jsonl:1", "a", "r.jsonl:2", "b"));
    assertThat(found.rejected()).isEmpty();
  }

  @Test
  void fieldsAreFoundByTheirWholePath() throws IOException {
    Path file =
        Files.writeString(
            temp.resolve("r.jsonl"),
            """
            {"content": "no", "messages": {"role": "user", "content": "a", "x": {"content": "no"}}}
            {"messages": {"content": "no"}, "messages.content": "b"}
            {"messages.content": "c", "messages": {"content": "no"}}
            {"messages": [{"content": "no"}]}
            {"messages": {"meta": {}, "content": null}}
            """);
    CorpusSource source =
        new CorpusSource(file.toString(), OptionalDouble.empty(), "messages.content", "");
    Walked found = Walked.of(source, DocumentFilter.ALL, InputPolicy.DEFAULT, temp);
    assertThat(found.texts())
        .isEqualTo(Map.of("r.jsonl:1", "a", "r.jsonl:2", "b", "r.jsonl:3", "c"));
    assertThat(found.rejected())
        .isEqualTo(Map.of("r.jsonl:4", Reason.MALFORMED_ROW, "r.jsonl:5", Reason.MALFORMED_ROW));
  }

  /// A row's text, one byte a character.
  @Test
  void rowsThatAreNotUtf8FollowTheirOption() throws IOException {
    String smile = new String("🙂".getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    String rows =
        "{\"text\": \"caf\u00e9 "
            + smile
            + "\u0080\\n\\u00e9\"}\n" // a Latin-1 byte, a character, half a character, escapes
            + "{\"text\": \""
            + smile
            + "\"}\n"
            + "{\"text\": \"a\u00ff\"\u00ff}\n"
            + "{\"text\": \"half \\ud800 a pair \u00ff\"}\n";
    Path file = Files.write(temp.resolve("r.jsonl"), rows.getBytes(StandardCharsets.ISO_8859_1));
    Walked kept =
        Walked.of(
            Walked.source(file), DocumentFilter.ALL, invalidUtf8(InputPolicy.Action.KEEP), temp);
    assertThat(kept.texts())
        .isEqualTo(
            Map.of("r.jsonl:1", "caf\u00e9 " + smile + "\u0080\n\u00c3\u00a9", "r.jsonl:2", smile));
    assertThat(kept.rejected())
        .isEqualTo(Map.of("r.jsonl:3", Reason.INVALID_JSON, "r.jsonl:4", Reason.HALF_CHARACTER));
    for (InputPolicy.Action action :
        new InputPolicy.Action[] {InputPolicy.Action.SKIP, InputPolicy.Action.REFUSE}) {
      Walked found = Walked.of(Walked.source(file), DocumentFilter.ALL, invalidUtf8(action), temp);
      assertThat(found.texts()).isEqualTo(Map.of("r.jsonl:2", smile));
      assertThat(found.rejected())
          .isEqualTo(
              Map.of(
                  "r.jsonl:1",
                  Reason.INVALID_UTF8,
                  "r.jsonl:3",
                  Reason.INVALID_UTF8,
                  "r.jsonl:4",
                  Reason.INVALID_UTF8));
    }
  }

  @Test
  void whatTheSystemRefusesIsNoDamage() throws IOException {
    Admission admission = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    for (Path path :
        new Path[] {
          temp.resolve("gone.jsonl"), Files.createDirectory(temp.resolve("directory.jsonl"))
        }) {
      assertThat(
              Walked.of(
                      new JsonReader(
                          path,
                          Reading.of(Packing.NONE, Reading.Kind.JSON_LINES),
                          "r",
                          Walked.source(path),
                          admission))
                  .rejected()
                  .values())
          .containsExactly(Reason.UNREADABLE);
    }
  }
}
