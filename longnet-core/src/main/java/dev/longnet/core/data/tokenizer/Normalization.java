// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;

/// What a file's normalizer makes of a text, asked of the library: a tokenizer with that normalizer
/// whose ids are the bytes of what it sees.
final class Normalization {
  private final NativeTokenizer bytes;
  private final char space;
  private final char line;

  private Normalization(NativeTokenizer bytes) {
    this.bytes = bytes;
    this.space = image(' ');
    this.line = image('\n');
  }

  static Normalization load(String name, JsonNode normalizer) {
    ObjectNode tree = new ObjectMapper().createObjectNode();
    tree.put("version", "1.0").putNull("truncation").putNull("padding");
    tree.putArray("added_tokens");
    tree.set("normalizer", normalizer);
    tree.putObject("pre_tokenizer")
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", false)
        .put("use_regex", false);
    tree.putNull("post_processor").putNull("decoder");
    ObjectNode model = tree.putObject("model").put("type", "BPE");
    ObjectNode vocab = model.putObject("vocab");
    for (int b = 0; b < 256; b++) {
      vocab.put(String.valueOf(ByteAlphabet.character(b)), b);
    }
    model.putArray("merges");
    return new Normalization(NativeTokenizer.load(name, tree));
  }

  String of(String text) {
    int[] ids = bytes.encode(text);
    byte[] utf8 = new byte[ids.length];
    for (int i = 0; i < ids.length; i++) {
      utf8[i] = (byte) ids[i];
    }
    return new String(utf8, StandardCharsets.UTF_8);
  }

  /// What a space or a newline becomes; 0 where that is not one character.
  char imageOf(char blank) {
    return blank == ' ' ? space : line;
  }

  private char image(char blank) {
    String before = of("x");
    String both = of("x" + blank);
    return both.length() == before.length() + 1
            && both.startsWith(before)
            && of("x" + blank + "y").startsWith(both)
        ? both.charAt(before.length())
        : 0;
  }

  /// The last character before the blank when the text is normalized; -1 where the blank's two
  /// sides, alone, are not as they are beside each other.
  int lastBefore(int before, char blank, int after) {
    String left = of(Character.toString(before));
    String middle = of(Character.toString(before) + blank);
    String all = of(Character.toString(before) + blank + Character.toString(after));
    if (left.isEmpty()
        || !middle.startsWith(left)
        || middle.length() != left.length() + 1
        || middle.charAt(left.length()) != imageOf(blank)
        || !all.startsWith(middle)
        || all.length() == middle.length()) {
      return -1;
    }
    int last = left.codePointBefore(left.length());
    int next = all.codePointAt(middle.length());
    boolean quiet =
        !SplitPattern.isSpace(last)
            && !SplitPattern.isSpace(next)
            && Character.getType(next) != Character.NON_SPACING_MARK
            && Character.getType(next) != Character.COMBINING_SPACING_MARK
            && Character.getType(next) != Character.ENCLOSING_MARK
            && next != imageOf(blank);
    return quiet ? last : -1;
  }
}
