// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/// A trained byte-level BPE as a `tokenizer.json` that Hugging Face's `tokenizers` and
/// `transformers` load.
public final class TokenizerFile {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String END_OF_TEXT = "<|endoftext|>";

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
    return json(trainer.tokens(), trainer.merges());
  }

  private static String json(List<byte[]> tokens, List<int[]> merges) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ObjectNode end = root.putArray("added_tokens").addObject();
    end.put("id", tokens.size())
        .put("content", END_OF_TEXT)
        .put("single_word", false)
        .put("lstrip", false);
    end.put("rstrip", false).put("normalized", false).put("special", true);
    root.putNull("normalizer");
    ObjectNode pre = root.putObject("pre_tokenizer").put("type", "Sequence");
    ArrayNode steps = pre.putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", WordCounts.PATTERN);
    split.put("behavior", "Isolated").put("invert", false);
    byteLevel(steps.addObject());
    byteLevel(root.putObject("post_processor"));
    byteLevel(root.putObject("decoder"));
    ObjectNode model =
        root.putObject("model").put("type", "BPE").putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix").put("fuse_unk", false);
    model.put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      vocab.put(ByteAlphabet.encode(tokens.get(id)), id);
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
