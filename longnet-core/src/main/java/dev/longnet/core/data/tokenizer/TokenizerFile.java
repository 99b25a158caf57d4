// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.Tokenizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Tokenizers as the `tokenizer.json` that Hugging Face's `tokenizers` and `transformers` load:
/// trained byte-level BPEs, and those known by their names.
public final class TokenizerFile {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String END_OF_TEXT = "<|endoftext|>";

  /// Words of o200k_base; its letters are in upper or lower case, or marks of them.
  private static final String O200K =
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
          + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /// The 256 bytes and the end of a document.
  public static final int SMALLEST_VOCABULARY = 257;

  private TokenizerFile() {}

  /// Learns merges from word counts.
  ///
  /// @param vocabularySize tokens in all, the end-of-text token included; fewer come out where
  ///   words are too few
  /// @return the file's content
  public static String train(WordCounts words, int vocabularySize) {
    if (vocabularySize < SMALLEST_VOCABULARY || vocabularySize > 1 << 20) {
      throw new IllegalArgumentException(
          "vocab_size must be from "
              + SMALLEST_VOCABULARY
              + " to "
              + (1 << 20)
              + ": vocab_size="
              + vocabularySize);
    }
    BpeTrainer trainer = new BpeTrainer(words.counts());
    trainer.train(vocabularySize - 1);
    List<byte[]> tokens = trainer.tokens();
    return json(tokens, trainer.merges(), tokens.size(), WordCounts.PATTERN, false);
  }

  /// The file of a tokenizer that is known by its name: bytes, cl100k_base, o200k_base.
  ///
  /// @return the file's content
  public static String of(Tokenizer known) {
    List<byte[]> tokens = new ArrayList<>();
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < known.vocabularySize(); id++) {
      byte[] bytes = known.hasText(id) ? known.decode(new int[] {id}) : new byte[0];
      tokens.add(bytes);
      ids.put(ByteAlphabet.encode(bytes), id);
    }
    // The pairs that give a token, in the tokens' order: of neighbours that give one, the pair with
    // the least id is joined first.
    List<int[]> merges = new ArrayList<>();
    for (byte[] token : tokens) {
      String text = ByteAlphabet.encode(token);
      for (int cut = 1; cut < text.length(); cut++) {
        Integer left = ids.get(text.substring(0, cut));
        Integer right = ids.get(text.substring(cut));
        if (left != null && right != null) {
          merges.add(new int[] {left, right});
        }
      }
    }
    String pattern = known.name().equals("o200k_base") ? O200K : WordCounts.PATTERN;
    // A word that is a token is that token, whatever its merges come to.
    return json(tokens, merges, known.endOfText(), pattern, true);
  }

  /// What a file calls the token that ends a document.
  ///
  /// @param json a tokenizer's file
  /// @param id as [Tokenizer#endOfText()] says it
  /// @return empty where the file has no such token
  public static Optional<String> endOfText(byte[] json, int id) {
    return Optional.ofNullable(new TokenizerTree("tokenizer.json", json).special().get(id));
  }

  /// @param tokens by id; empty ones are none
  /// @param merges pairs of ids
  private static String json(
      List<byte[]> tokens, List<int[]> merges, int endOfText, String pattern, boolean words) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ObjectNode end = root.putArray("added_tokens").addObject();
    end.put("id", endOfText)
        .put("content", END_OF_TEXT)
        .put("single_word", false)
        .put("lstrip", false);
    end.put("rstrip", false).put("normalized", false).put("special", true);
    root.putNull("normalizer");
    ObjectNode pre = root.putObject("pre_tokenizer").put("type", "Sequence");
    ArrayNode steps = pre.putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", pattern);
    split.put("behavior", "Isolated").put("invert", false);
    byteLevel(steps.addObject());
    byteLevel(root.putObject("post_processor"));
    byteLevel(root.putObject("decoder"));
    ObjectNode model =
        root.putObject("model").put("type", "BPE").putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix").put("fuse_unk", false);
    model.put("byte_fallback", false).put("ignore_merges", words);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      if (tokens.get(id).length > 0) {
        vocab.put(ByteAlphabet.encode(tokens.get(id)), id);
      }
    }
    if (endOfText != vocab.size()) {
      // The library numbers added tokens from the vocabulary's size on, unless they are part of it.
      vocab.put(END_OF_TEXT, endOfText);
    }
    ArrayNode pairs = model.putArray("merges");
    for (int[] merge : merges) {
      pairs
          .addArray()
          .add(ByteAlphabet.encode(tokens.get(merge[0])))
          .add(ByteAlphabet.encode(tokens.get(merge[1])));
    }
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", false);
  }
}
