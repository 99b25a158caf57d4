// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.TokenizerFile;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/// What stands beside the weights in a directory of the Hub's form: configuration, tokenizer, how
/// to generate, a model card. Files that came with an import stay as they were.
final class HubExport {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path directory;
  private final Checkpoint checkpoint;
  private final HubConfig.Kept kept;

  /// @param directory is there, with the weights
  HubExport(Path directory, Checkpoint checkpoint, HubConfig.Kept kept) {
    this.directory = directory;
    this.checkpoint = checkpoint;
    this.kept = kept;
  }

  /// @param type of the weights
  void write(DType type, ModelCard.Facts facts) throws IOException {
    Optional<Tokenizer> tokenizer =
        checkpoint.hasTokenizer() ? Optional.of(checkpoint.loadTokenizer()) : Optional.empty();
    Optional<Integer> end = tokenizer.map(Tokenizer::endOfText);
    if (tokenizer.isPresent()) {
      byte[] json =
          tokenizer
              .get()
              .definition()
              .orElseGet(() -> TokenizerFile.of(tokenizer.get()).getBytes(StandardCharsets.UTF_8));
      Files.write(directory.resolve(Checkpoint.TOKENIZER), json);
      keptOr("tokenizer_config.json", tokenizerConfig(json, tokenizer.get().endOfText()));
      ObjectNode generation = JSON.createObjectNode();
      generation.put("eos_token_id", tokenizer.get().endOfText()).put("do_sample", true);
      keptOr("generation_config.json", generation);
    }
    HubConfig config =
        new HubConfig(
            checkpoint.model(),
            checkpoint.trainedLength(),
            Optional.of(checkpoint.tokenizer())
                .filter(name -> checkpoint.hasTokenizer() && !Tokenizers.isFile(name)),
            kept.config());
    write(HubConfig.FILE, text(config.write(torchType(type), end)));
    String card = kept.files().get("README.md");
    write("README.md", card != null ? card : ModelCard.of(checkpoint, facts).text());
    for (String name : kept.files().keySet()) {
      if (!Files.exists(directory.resolve(name))) {
        keptOr(name, JSON.createObjectNode());
      }
    }
  }

  private ObjectNode tokenizerConfig(byte[] json, int endOfText) {
    ObjectNode tree = JSON.createObjectNode();
    tree.put("tokenizer_class", "PreTrainedTokenizerFast");
    tree.put("model_max_length", checkpoint.trainedLength());
    tree.put("clean_up_tokenization_spaces", false);
    TokenizerFile.endOfText(json, endOfText).ifPresent(text -> tree.put("eos_token", text));
    return tree;
  }

  private static String torchType(DType type) {
    return switch (type) {
      case F64 -> "float64";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      case F32 -> "float32";
      default -> type.name().toLowerCase(Locale.ROOT);
    };
  }

  private void keptOr(String name, ObjectNode ours) throws IOException {
    String theirs = kept.files().get(name);
    write(name, theirs != null ? theirs : text(ours));
  }

  private static String text(ObjectNode tree) {
    return tree.toPrettyString() + "\n";
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }
}
