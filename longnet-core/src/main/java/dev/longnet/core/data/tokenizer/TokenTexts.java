// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.core.data.TextDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/// The bytes of each id as the `decoder` of a `tokenizer.json` says, id by id: what an id adds to a
/// text depends on nothing but whether it is the first, and on spaces at the text's beginning.
///
/// The same text as Hugging Face's library gives for all ids at once, but for byte tokens that make
/// no character: the library replaces all of a run of them, here each stays the byte that it is.
final class TokenTexts {
  private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");
  private static final byte[] NONE = {};

  /// @param first its bytes at the text's beginning
  /// @param later its bytes anywhere else
  /// @param after what follows it where another id does
  private record Bytes(byte[] first, byte[] later, byte[] after) {}

  private final Bytes[] bytes;

  /// Taken from the text's beginning as often as they stand there.
  private final byte[] stripped;

  private final int strips;

  private TokenTexts(Bytes[] bytes, byte[] stripped, int strips) {
    this.bytes = bytes;
    this.stripped = stripped;
    this.strips = strips;
  }

  /// Empty where the decoder is one that only the library knows.
  static Optional<TokenTexts> of(TokenizerTree file) {
    JsonNode decoder = file.tree().path("decoder");
    List<JsonNode> steps = new ArrayList<>();
    flatten(decoder, steps);
    byte[] stripped = NONE;
    int strips = 0;
    boolean fused = false;
    List<Step> forTokens = new ArrayList<>();
    for (JsonNode step : steps) {
      String type = step.path("type").asText();
      if (type.equals("Fuse")) {
        fused = true;
      } else if (fused && type.equals("Strip") && step.path("stop").asInt() == 0 && strips == 0) {
        stripped = utf8(step.path("content").asText());
        strips = step.path("start").asInt();
      } else {
        Optional<Step> known = fused ? Optional.empty() : step(step);
        if (known.isEmpty()) {
          return Optional.empty();
        }
        forTokens.add(known.get());
      }
    }
    if (steps.isEmpty()) {
      forTokens.add((text, first) -> first ? text : text.after(" "));
    }
    Bytes[] bytes = new Bytes[file.vocabularySize()];
    for (Map.Entry<Integer, String> token : file.tokens().entrySet()) {
      bytes[token.getKey()] = bytes(token.getValue(), forTokens);
    }
    return Optional.of(new TokenTexts(bytes, stripped, strips));
  }

  private static void flatten(JsonNode decoder, List<JsonNode> steps) {
    if (decoder.path("type").asText().equals("Sequence")) {
      decoder.path("decoders").forEach(one -> flatten(one, steps));
    } else if (decoder.isObject()) {
      steps.add(decoder);
    }
  }

  /// A token's text on its way.
  ///
  /// @param isByte the text is one byte, written as a character of Latin-1
  private record Text(String text, String after, boolean isByte) {
    Text with(String other) {
      return new Text(other, after, isByte);
    }

    Text after(String prefix) {
      return with(prefix + text);
    }

    byte[] bytes() {
      return isByte ? text.getBytes(StandardCharsets.ISO_8859_1) : utf8(text);
    }
  }

  private interface Step {
    Text apply(Text text, boolean first);
  }

  private static Bytes bytes(String token, List<Step> steps) {
    Text first = new Text(token, "", false);
    Text later = first;
    for (Step step : steps) {
      // A byte is nothing that a text's steps change.
      first = first.isByte() ? first : step.apply(first, true);
      later = later.isByte() ? later : step.apply(later, false);
    }
    byte[] start = first.bytes();
    byte[] rest = later.bytes();
    return new Bytes(
        start,
        Arrays.equals(start, rest) ? start : rest,
        later.after().isEmpty() ? NONE : utf8(later.after()));
  }

  private static Optional<Step> step(JsonNode step) {
    return switch (step.path("type").asText()) {
      case "Replace" -> replace(step);
      case "ByteFallback" ->
          Optional.of((text, _) -> {
            int value = byteOf(text.text());
            return value < 0 ? text : new Text(String.valueOf((char) value), "", true);
          });
      case "Metaspace" -> {
        String replacement = step.path("replacement").asText("▁");
        boolean kept =
            step.path("prepend_scheme").asText().equals("never")
                || step.has("add_prefix_space") && !step.path("add_prefix_space").asBoolean();
        yield Optional.of((text, first) ->
            text.with(text.text().replace(replacement, first && !kept ? "" : " ")));
      }
      case "WordPiece" -> wordPiece(step.path("prefix").asText("##"), step.path("cleanup"));
      case "BPEDecoder" -> {
        String suffix = step.path("suffix").asText("</w>");
        yield Optional.of((text, _) -> {
          String bare = text.text().replace(suffix, "");
          return new Text(bare, text.text().endsWith(suffix) ? " " : "", false);
        });
      }
      case "Strip" -> strip(step);
      default -> Optional.empty();
    };
  }

  private static Optional<Step> replace(JsonNode step) {
    String pattern = step.path("pattern").path("String").asText();
    String content = step.path("content").asText();
    return pattern.isEmpty()
        ? Optional.empty()
        : Optional.of((text, _) -> text.with(text.text().replace(pattern, content)));
  }

  private static Optional<Step> strip(JsonNode step) {
    String content = step.path("content").asText();
    int start = step.path("start").asInt();
    int stop = step.path("stop").asInt();
    return content.isEmpty()
        ? Optional.empty()
        : Optional.of((text, _) -> {
          String rest = text.text();
          for (int i = 0; i < start && rest.startsWith(content); i++) {
            rest = rest.substring(content.length());
          }
          for (int i = 0; i < stop && rest.endsWith(content); i++) {
            rest = rest.substring(0, rest.length() - content.length());
          }
          return text.with(rest);
        });
  }

  private static Optional<Step> wordPiece(String prefix, JsonNode cleanup) {
    boolean clean = cleanup.asBoolean(true);
    return Optional.of((text, first) -> {
      String token = text.text();
      String spaced =
          first ? token : token.startsWith(prefix) ? token.substring(prefix.length()) : " " + token;
      return text.with(clean ? clean(spaced) : spaced);
    });
  }

  /// The library's clean-up of spaces before marks, in its order.
  private static String clean(String text) {
    return text.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" do not", " don't")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }

  /// The byte that a token of byte fallback (`<0x0A>`) stands for, or -1.
  static int byteOf(String token) {
    return BYTE.matcher(token).matches() ? Integer.parseInt(token.substring(3, 5), 16) : -1;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  boolean hasText(int id) {
    return id >= 0
        && id < bytes.length
        && bytes[id] != null
        && bytes[id].first.length + bytes[id].later.length + bytes[id].after.length > 0;
  }

  TextDecoder newDecoder() {
    return new Context();
  }

  private final class Context implements TextDecoder {
    private boolean first = true;
    private byte[] between = NONE;
    private int strip = strips;

    @Override
    public byte[] next(int id) {
      Bytes token = bytes[id];
      if (token == null) {
        return NONE;
      }
      byte[] own = first ? token.first : token.later;
      byte[] all = between.length == 0 ? own : joined(between, own);
      first = false;
      between = token.after;
      return strip == 0 || all.length == 0 ? all : stripped(all);
    }

    private byte[] stripped(byte[] all) {
      int from = 0;
      OptionalInt match = matchAt(all, from);
      while (strip > 0 && match.isPresent()) {
        strip--;
        from = match.getAsInt();
        match = matchAt(all, from);
      }
      if (from < all.length) {
        strip = 0;
      }
      return Arrays.copyOfRange(all, from, all.length);
    }

    /// Where what is stripped ends if it stands at a place.
    private OptionalInt matchAt(byte[] all, int from) {
      int to = from + stripped.length;
      boolean there =
          stripped.length > 0
              && to <= all.length
              && Arrays.equals(all, from, to, stripped, 0, stripped.length);
      return there ? OptionalInt.of(to) : OptionalInt.empty();
    }
  }

  private static byte[] joined(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }
}
