// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.TextCuts;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Where a text may be cut for a `tokenizer.json`, proven from what the file says: before a single
/// space or newline between two other characters, where one of these holds.
///
/// | the file's | why no token spans the cut, and no choice crosses it |
/// |---|---|
/// | pre-tokenizer cuts before the blank ([BlankRule]) | any model sees the two sides one by one |
/// | BPE has no token in which the blank follows that character | no merge spans the cut, and merges on one side do not know of the other |
///
/// A normalizer must treat the two sides alone as in the whole: it is asked, character by
/// character. A tokenizer of another kind, and a Unigram over whole texts (sums of scores are
/// rounded, and a tie far behind may depend on it), is not cut.
final class CutRules implements TextCuts {
  /// The families that [WordCuts] knows: cl100k_base's and Llama 3's pattern, Qwen 2's.
  private static final Set<String> WORDS =
      Set.of(WordCounts.PATTERN, WordCounts.PATTERN.replace("|\\p{N}{1,3}|", "|\\p{N}|"));

  private final BlankRule space;
  private final BlankRule line;

  /// Ends of added tokens: what follows one may be a new beginning for the library.
  private final Set<Integer> ends = new HashSet<>();

  private final @Nullable Normalization normalization;

  private CutRules(
      TokenizerTree file, BlankRule space, BlankRule line, @Nullable Normalization normalization) {
    this.space = space;
    this.line = line;
    this.normalization = normalization;
    for (JsonNode added : file.added()) {
      String content = added.path("content").asText();
      for (String one : List.of(content, lower(content), upper(content))) {
        if (!one.isEmpty()) {
          ends.add(one.codePointBefore(one.length()));
        }
      }
    }
  }

  private static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  private static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  static TextCuts of(String name, TokenizerTree file) {
    ObjectNode tree = file.tree();
    if (isOfWords(file)) {
      return WordCuts.INSTANCE;
    }
    Normalization normalization =
        tree.hasNonNull("normalizer") ? Normalization.load(name, tree.path("normalizer")) : null;
    BlankRule space = BlankRule.of(file, ' ', normalization);
    BlankRule line = BlankRule.of(file, '\n', normalization);
    return space.never() && line.never() ? NOWHERE : new CutRules(file, space, line, normalization);
  }

  private static boolean isOfWords(TokenizerTree file) {
    JsonNode pre = file.tree().path("pre_tokenizer");
    JsonNode split = pre.path("pretokenizers").path(0);
    JsonNode bytes = pre.path("pretokenizers").path(1);
    return (!file.tree().hasNonNull("normalizer")
            || file.tree().path("normalizer").path("type").asText().equals("NFC"))
        && file.added().isEmpty()
        && pre.path("pretokenizers").size() == 2
        && split.path("type").asText().equals("Split")
        && WORDS.contains(split.path("pattern").path("Regex").asText())
        && split.path("behavior").asText().equals("Isolated")
        && !split.path("invert").asBoolean()
        && bytes.path("type").asText().equals("ByteLevel")
        && !bytes.path("add_prefix_space").asBoolean(true)
        && !bytes.path("use_regex").asBoolean(true);
  }

  @Override
  public boolean at(byte[] utf8, int length, int place) {
    if (utf8[place] != ' ' && utf8[place] != '\n') {
      return false;
    }
    BlankRule rule = utf8[place] == ' ' ? space : line;
    int before = Utf8Runs.before(utf8, place);
    int after = Utf8Runs.at(utf8, length, place + 1);
    if (rule.never() || !isPlain(before) || !isPlain(after) || ends.contains(before)) {
      return false;
    }
    if (normalization == null) {
      return rule.allows(before);
    }
    int last = normalization.lastBefore(before, (char) utf8[place], after);
    return last >= 0 && rule.allows(last);
  }

  /// Letters, numbers, punctuation: what combines with no neighbour and is no white space.
  private static boolean isPlain(int c) {
    if (c < 0x80) {
      return c > ' ' && c < 0x7f;
    }
    return c < Character.MIN_SURROGATE
        && switch (Character.getType(c)) {
          case Character.UPPERCASE_LETTER,
              Character.LOWERCASE_LETTER,
              Character.TITLECASE_LETTER,
              Character.MODIFIER_LETTER,
              Character.OTHER_LETTER,
              Character.DECIMAL_DIGIT_NUMBER,
              Character.LETTER_NUMBER,
              Character.OTHER_NUMBER,
              Character.CONNECTOR_PUNCTUATION,
              Character.DASH_PUNCTUATION,
              Character.START_PUNCTUATION,
              Character.END_PUNCTUATION,
              Character.INITIAL_QUOTE_PUNCTUATION,
              Character.FINAL_QUOTE_PUNCTUATION,
              Character.OTHER_PUNCTUATION ->
              true;
          default -> false;
        };
  }
}
