// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which characters may stand before a single blank for a text to be cut between the two. Derived
/// from the steps of a file in their order, the blank as each of them sees it.
///
/// @param before what may stand there, normalized
/// @param inBytes whether the model sees bytes in their alphabet
/// @param joined what may not, because a token of the model holds it and the blank
record BlankRule(Before before, boolean inBytes, Set<Integer> joined) {
  private enum Before {
    NOTHING,
    LETTERS,
    ANYTHING
  }

  private static final BlankRule NEVER = new BlankRule(Before.NOTHING, false, Set.of());

  static BlankRule of(TokenizerTree file, char blank, @Nullable Normalization normalization) {
    char image = normalization == null ? blank : normalization.imageOf(blank);
    for (JsonNode added : file.added()) {
      String content = added.path("content").asText();
      boolean inside = content.indexOf(blank) > 0 || content.indexOf(image) > 0;
      // Takes the white space behind it along.
      if (inside || added.path("rstrip").asBoolean()) {
        return NEVER;
      }
    }
    if (image == 0) {
      return NEVER;
    }
    for (Before before : List.of(Before.ANYTHING, Before.LETTERS)) {
      BlankRule rule = new Steps(file, before).rule(image);
      if (!rule.never()) {
        return rule;
      }
    }
    return NEVER;
  }

  boolean never() {
    return before == Before.NOTHING;
  }

  /// @param last the character before the blank, normalized
  boolean allows(int last) {
    if (before == Before.LETTERS && !SplitPattern.isLetter(last)) {
      return false;
    }
    if (!inBytes) {
      return !joined.contains(last);
    }
    byte[] utf8 = Character.toString(last).getBytes(StandardCharsets.UTF_8);
    return !joined.contains((int) ByteAlphabet.character(utf8[utf8.length - 1] & 0xff));
  }

  /// What a step does at the blank.
  private enum Effect {
    /// Cuts before it, always.
    CUTS,
    /// Looks at single characters: on either side of a cut it does what it does in the whole.
    NEUTRAL,
    UNKNOWN
  }

  private static final class Steps {
    private final TokenizerTree file;
    private final Before before;
    private boolean inBytes;
    private char image;

    Steps(TokenizerTree file, Before before) {
      this.file = file;
      this.before = before;
    }

    BlankRule rule(char blank) {
      image = blank;
      List<JsonNode> steps = new ArrayList<>();
      flatten(file.tree().path("pre_tokenizer"), steps);
      for (JsonNode step : steps) {
        switch (effect(step)) {
          case CUTS -> {
            return new BlankRule(before, false, Set.of());
          }
          case UNKNOWN -> {
            return NEVER;
          }
          case NEUTRAL -> {}
        }
      }
      return mergesNowhere() ? new BlankRule(before, inBytes, joined()) : NEVER;
    }

    private static void flatten(JsonNode pre, List<JsonNode> steps) {
      if (pre.path("type").asText().equals("Sequence")) {
        pre.path("pretokenizers").forEach(one -> flatten(one, steps));
      } else if (pre.isObject()) {
        steps.add(pre);
      }
    }

    private Effect effect(JsonNode step) {
      boolean space = SplitPattern.isSpace(image);
      return switch (step.path("type").asText()) {
        case "ByteLevel" -> {
          if (step.path("use_regex").asBoolean(true)) {
            yield space ? Effect.CUTS : Effect.UNKNOWN;
          }
          byte[] utf8 = String.valueOf(image).getBytes(StandardCharsets.UTF_8);
          image = ByteAlphabet.character(utf8[0] & 0xff);
          inBytes = true;
          yield Effect.NEUTRAL;
        }
        case "Metaspace" -> {
          char replacement = step.path("replacement").asText("▁").charAt(0);
          image = image == ' ' ? replacement : image;
          yield image == replacement && step.path("split").asBoolean(true)
              ? Effect.CUTS
              : Effect.NEUTRAL;
        }
        case "Whitespace", "BertPreTokenizer" -> space ? Effect.CUTS : Effect.UNKNOWN;
        case "WhitespaceSplit" -> space ? Effect.CUTS : Effect.NEUTRAL;
        case "Punctuation", "Digits" -> Effect.NEUTRAL;
        case "CharDelimiterSplit" ->
            step.path("delimiter").asText().equals(String.valueOf(image))
                ? Effect.CUTS
                : Effect.NEUTRAL;
        case "Split" -> split(step);
        default -> Effect.UNKNOWN;
      };
    }

    private Effect split(JsonNode step) {
      String behavior = step.path("behavior").asText();
      boolean invert = step.path("invert").asBoolean();
      JsonNode text = step.path("pattern").path("String");
      if (text.isTextual()) {
        boolean isBlank = text.asText().equals(String.valueOf(image));
        if (invert || !isBlank && text.asText().indexOf(image) >= 0) {
          return Effect.UNKNOWN;
        }
        return isBlank && !behavior.equals("MergedWithPrevious") ? Effect.CUTS : Effect.NEUTRAL;
      }
      String pattern = step.path("pattern").path("Regex").asText();
      boolean cuts = behavior.equals("Removed") || behavior.equals("Isolated") && !invert;
      if (cuts && SplitPattern.splits(pattern, image, before == Before.LETTERS)) {
        return Effect.CUTS;
      }
      return !invert && SplitPattern.leaves(pattern, image) ? Effect.NEUTRAL : Effect.UNKNOWN;
    }

    /// Whether the model is a BPE of which a merge is all that could span a place.
    private boolean mergesNowhere() {
      JsonNode model = file.model();
      boolean bytes = model.path("byte_fallback").asBoolean();
      for (int b = 0; bytes && b < 256; b++) {
        bytes = file.vocabulary().containsKey(byteToken(b));
      }
      return (model.path("type").asText().equals("BPE") || model.has("merges"))
          && model.path("dropout").asDouble() == 0
          && model.path("continuing_subword_prefix").asText("").isEmpty()
          && model.path("end_of_word_suffix").asText("").isEmpty()
          && !model.path("ignore_merges").asBoolean()
          && (bytes || file.vocabulary().containsKey(String.valueOf(image)));
    }

    private Set<Integer> joined() {
      Set<Integer> joined = new HashSet<>();
      for (String token : file.vocabulary().keySet()) {
        for (int i = token.indexOf(image, 1); i > 0; i = token.indexOf(image, i + 1)) {
          joined.add(token.codePointBefore(i));
        }
      }
      return joined;
    }
  }

  /// What byte fallback calls a byte.
  static String byteToken(int b) {
    return "<0x" + (b < 16 ? "0" : "") + Integer.toHexString(b).toUpperCase(Locale.ROOT) + ">";
  }
}
