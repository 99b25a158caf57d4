// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.data.TextDecoder;
import dev.longnet.core.data.Tokenizer;
import java.util.Map;
import java.util.stream.IntStream;

/// Text of generated tokens as they come, in the context of what was read before: the same as
/// decoding all ids at once. A character appears as soon as it is whole.
public final class GeneratedText {
  private static final String LAST = "last_token";

  private final Tokenizer tokenizer;
  private final TextStream characters = new TextStream();
  private TextDecoder decoder;

  /// At a text's beginning.
  public GeneratedText(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
    this.decoder = tokenizer.newDecoder();
  }

  /// Tokens that are not shown: a prompt's.
  public void read(int... ids) {
    for (int id : ids) {
      if (id == tokenizer.endOfText()) {
        decoder = tokenizer.newDecoder();
      } else {
        decoder.next(id);
      }
    }
  }

  /// What was read before a state was saved.
  ///
  /// @param notes the state's
  /// @return whether the state is in the middle of a text
  public boolean resume(Map<String, String> notes) {
    String last = notes.get(LAST);
    int id;
    try {
      id =
          last == null
              ? IntStream.range(0, tokenizer.vocabularySize())
                  .filter(tokenizer::hasText)
                  .findFirst()
                  .orElse(tokenizer.endOfText())
              : Integer.parseInt(last);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("the saved state's notes are damaged", e);
    }
    read(id);
    return id != tokenizer.endOfText();
  }

  /// What [#resume] needs, of tokenizers whose text depends on what stands before it.
  public static Map<String, String> note(Tokenizer tokenizer, int lastToken) {
    return tokenizer.lossless() ? Map.of() : Map.of(LAST, Integer.toString(lastToken));
  }

  /// The characters that a token completes.
  public String next(int id) {
    return characters.add(decoder.next(id));
  }

  /// What is left: U+FFFD for an unfinished character.
  public String end() {
    return characters.end();
  }
}
